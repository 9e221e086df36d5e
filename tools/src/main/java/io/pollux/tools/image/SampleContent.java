// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.core.ErrnoException;
import io.pollux.sample.SampleImage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** A sample image that is to be unpacked into a disk. */
final class SampleContent implements Content {
  private final SampleImage.Reader reader;

  SampleContent(String fs) throws IOException {
    reader = new SampleImage.Reader(fs);
  }

  @Override
  public long bytes() {
    return reader.bytes();
  }

  @Override
  public void copyTo(Sink sink) throws IOException, ErrnoException {
    byte[] chunk = new byte[SampleImage.Reader.CHUNK];
    for (int length = reader.next(chunk); length > 0; length = reader.next(chunk)) {
      sink.put(reader.position(), MemorySegment.ofArray(chunk).asSlice(0, length));
    }
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}
