// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import java.io.IOException;
import java.io.OutputStream;

/**
 * Forwards bytes until a write fails. The failure is thrown once; later bytes are silently dropped.
 */
final class UntilFailure extends OutputStream {
  private final OutputStream to;
  private boolean failed;

  UntilFailure(OutputStream to) {
    this.to = to;
  }

  @FunctionalInterface
  private interface Step {
    void run() throws IOException;
  }

  private void unlessFailed(Step step) throws IOException {
    if (!failed) {
      failed = true;
      step.run();
      failed = false;
    }
  }

  @Override
  public void write(int value) throws IOException {
    unlessFailed(() -> to.write(value));
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    unlessFailed(() -> to.write(bytes, offset, length));
  }

  @Override
  public void flush() throws IOException {
    unlessFailed(to::flush);
  }
}
