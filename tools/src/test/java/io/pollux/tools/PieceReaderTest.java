// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.sample.SampleImage;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.uapi.Fcntl;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Files read in pieces, of which several are in flight. */
@Timeout(60)
class PieceReaderTest {
  private static final long SIZE = 16 << 20;
  private static final PathName MAIN = PathName.of(SampleImage.MAIN_FILE);

  /** Keeps the bytes, and fails when it has a number of them. */
  private static final class Kept implements FileReader.Sink {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final long most;

    Kept(long most) {
      this.most = most;
    }

    @Override
    public void data(MemorySegment piece) throws IOException {
      if (bytes.size() >= most) {
        throw new IOException("full");
      }
      bytes.writeBytes(piece.toArray(ValueLayout.JAVA_BYTE));
    }

    @Override
    public void hole(long length) {
      throw new AssertionError("a hole");
    }
  }

  private static byte[] expected(UserFiles files, UserMemory memory, int fd, long from, long to) {
    for (long at = from; at < to; ) {
      at += files.pread(fd, memory.address() + at - from, to - at, at);
    }
    return memory.segment().asSlice(0, to - from).toArray(ValueLayout.JAVA_BYTE);
  }

  @Test
  void piecesArriveInOrderFromADiskThatReordersThem() throws IOException {
    TargetSpec spec =
        TargetSpec.SAMPLE.withDisk("fault:seed=5,delay-ns=20000,late-rate=0.4,reorder=3,ram");
    try (Target target = Target.open(spec, false);
        UserFiles files = new UserFiles(target.program());
        UserMemory memory = UserMemory.map(target.program(), SIZE);
        PieceReader reader = new PieceReader(target.program())) {
      int fd = files.open(MAIN, Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      int cached = files.open(MAIN, Fcntl.O_RDONLY);
      for (long[] range :
          new long[][] {{0, SIZE}, {4096, 4097}, {512, SIZE - 7}, {SIZE - 1, SIZE}}) {
        long from = range[0] & -512;
        Kept kept = new Kept(Long.MAX_VALUE);
        reader.read(fd, from, range[1], kept);
        assertThat(kept.bytes.toByteArray())
            .as("from %d to %d", from, range[1])
            .isEqualTo(expected(files, memory, cached, from, range[1]));
      }
    }
  }

  @Test
  void aSinkThatFailsLeavesNoPieceBehind() throws IOException {
    try (Target target = Target.open(TargetSpec.SAMPLE, false);
        UserFiles files = new UserFiles(target.program());
        PieceReader reader = new PieceReader(target.program())) {
      int fd = files.open(MAIN, Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      for (long most = 0; most < SIZE; most += 3 << 20) {
        Kept full = new Kept(most);
        assertThatThrownBy(() -> reader.read(fd, 0, SIZE, full)).hasMessage("full");
      }
      Kept kept = new Kept(Long.MAX_VALUE);
      reader.read(fd, SIZE - 4096, SIZE, kept);
      assertThat(kept.bytes.size()).isEqualTo(4096);
      assertThat(
              ByteBuffer.wrap(kept.bytes.toByteArray()).order(ByteOrder.LITTLE_ENDIAN).getLong(8))
          .as("position of the sector")
          .isEqualTo(SIZE - 4096);
    }
  }

  @Test
  void aFileThatEndsEarlyIsAnError() {
    try (Target target = Target.open(TargetSpec.SAMPLE, false);
        UserFiles files = new UserFiles(target.program());
        PieceReader reader = new PieceReader(target.program())) {
      int fd = files.open(MAIN, Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      Kept kept = new Kept(Long.MAX_VALUE);
      assertThatThrownBy(() -> reader.read(fd, 0, SIZE + 1, kept))
          .isInstanceOf(SyscallException.class)
          .hasMessageContaining("read");
      assertThat(kept.bytes.size()).isEqualTo((int) SIZE);
    }
  }

  @Test
  void aBadSectorIsAnErrorAfterThePiecesBeforeIt() {
    TargetSpec spec = TargetSpec.SAMPLE.withDisk("fault:error-at=60,errors=read,ram");
    try (Target target = Target.open(spec, false);
        UserFiles files = new UserFiles(target.program());
        PieceReader reader = new PieceReader(target.program())) {
      int fd = files.open(MAIN, Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      for (int i = 0; i < 20; i++) { // a pass has several requests, and the mount had some
        Kept kept = new Kept(Long.MAX_VALUE);
        try {
          reader.read(fd, 0, SIZE, kept);
        } catch (SyscallException | IOException e) {
          assertThat(e).hasMessageContaining("read");
          assertThat(kept.bytes.size()).isLessThan((int) SIZE);
          return;
        }
      }
      throw new AssertionError("no read met the fault");
    }
  }
}
