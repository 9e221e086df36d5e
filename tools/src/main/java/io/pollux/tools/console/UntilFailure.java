// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/**
 * Forwards bytes until a write fails. The failure is thrown once; later bytes are silently dropped.
 * Native memory is written by the channel without a copy, after the stream's buffer.
 */
final class UntilFailure extends OutputStream {
  private final OutputStream to;
  private final WritableByteChannel channel;
  private boolean failed;

  /**
   * Creates the stream.
   *
   * @param to a stream
   * @param channel to the same file
   */
  UntilFailure(OutputStream to, WritableByteChannel channel) {
    this.to = to;
    this.channel = channel;
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

  /** Writes all bytes of a buffer. */
  void write(ByteBuffer bytes) throws IOException {
    unlessFailed(
        () -> {
          to.flush();
          while (bytes.hasRemaining()) {
            if (channel.write(bytes) == 0) {
              throw new IOException("Resource temporarily unavailable"); // a non-blocking file
            }
          }
        });
  }

  @Override
  public void flush() throws IOException {
    unlessFailed(to::flush);
  }
}
