import { type GramForm, gramForms } from '../../shared/contribution/gram-forms.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { RoundInfo } from '../../shared/wire/get-round.ts';

/** The form of Grams that the round wants, in our words. */
export function gramFormWanted({ statistics }: Pick<RoundInfo, 'statistics'>): { gramForm?: GramForm } {
  const wanted = statistics?.gramForm;
  if (wanted === undefined || wanted === null) return {};
  const form = gramForms.find((own) => own === wanted.form);
  const tokenForm = gramForms.find((own) => own === wanted.tokenForm);
  if (form === undefined || tokenForm === undefined) {
    const got = `${wanted.form}, ${wanted.tokenForm}`;
    throw new RegmeanError('unsupported', `the round wants Grams of a form not known here, ${got}`);
  }
  return { gramForm: { form, tokenForm, rank: wanted.rank } };
}
