import { describe, expect, it } from 'vitest';
import { createStatusLines } from '../../../../deploy/demo/status-lines.ts';

function written(
  isTTY: boolean,
  columns: number,
): { text: string; stream: Parameters<typeof createStatusLines>[1] } {
  const result = {
    text: '',
    stream: {
      isTTY,
      columns,
      write(text: string): void {
        result.text += text;
      },
    },
  };
  return result;
}

describe('createStatusLines', () => {
  it('writes every line with its label where there is no terminal', () => {
    const output = written(false, 20);
    const status = createStatusLines(['a', 'long'], output.stream);
    status.show('a', 'training 5% of something that is long');
    status.show('long', 'uploading');
    expect(output.text).toBe('a    │ training 5% of something that is long\nlong │ uploading\n');
  });

  it('keeps one line per label in its place on a terminal, cut to its width', () => {
    const output = written(true, 14);
    const status = createStatusLines(['a', 'long'], output.stream);
    status.show('a', 'training 5%');
    output.text = '';
    status.show('long', 'hi');
    expect(output.text).toBe('\x1b[2A\x1b[2Ka    │ traini\n\x1b[2Klong │ hi\n');
  });

  it('leaves the lines of a finished display alone', () => {
    const output = written(true, 40);
    const status = createStatusLines(['a'], output.stream);
    status.show('a', 'one');
    status.finish();
    output.text = '';
    status.show('a', 'two');
    expect(output.text).toBe('\x1b[2Ka │ two\n');
  });
});
