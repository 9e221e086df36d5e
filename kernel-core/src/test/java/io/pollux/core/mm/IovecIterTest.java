// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.Errno;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Walking user memory that may be bad anywhere. */
class IovecIterTest {
  private final WindowSpace mm = new WindowSpace();
  private final IovecIter iter = new IovecIter();
  private final long memory = mm.mmap(4 * HostMemory.PAGE_SIZE, Mman.PROT_READ | Mman.PROT_WRITE);

  @AfterEach
  void close() {
    mm.close();
  }

  private void iovec(int index, long base, long length) {
    Iovec.iovBase(memory + index * Iovec.SIZE, base);
    Iovec.iovLen(memory + index * Iovec.SIZE, length);
  }

  @Test
  void copiesThroughPiecesAndSkipsEmptyOnes() {
    long data = memory + HostMemory.PAGE_SIZE;
    iovec(0, data, 3);
    iovec(1, 0, 0);
    iovec(2, data + 8, 5);
    assertThat(iter.importIovec(mm, true, memory, 3)).isZero();
    assertThat(iter.count()).isEqualTo(8);
    RawMemory.putLong(memory + 2048, 0x0807060504030201L);
    assertThat(iter.copyTo(memory + 2048, 8)).isEqualTo(8);
    assertThat(RawMemory.getLong(data)).isEqualTo(0x030201L);
    assertThat(RawMemory.getLong(data + 8)).isEqualTo(0x0807060504L);
    assertThat(iter.count()).isZero();
    assertThat(iter.contiguous()).isZero();
  }

  @Test
  void whatIsLeftIsWrittenAsIovecs() {
    iovec(0, memory + 100, 3);
    iovec(1, 0, 0);
    iovec(2, memory + 200, 5);
    iovec(3, memory + 300, 7);
    assertThat(iter.importIovec(mm, true, memory, 4)).isZero();
    iter.advance(4);
    iter.truncate(6);
    long vector = memory + 2048;
    assertThat(iter.writeIovecs(vector)).isEqualTo(2);
    assertThat(Iovec.iovBase(vector)).isEqualTo(memory + 201);
    assertThat(Iovec.iovLen(vector)).isEqualTo(4);
    assertThat(Iovec.iovBase(vector + Iovec.SIZE)).isEqualTo(memory + 300);
    assertThat(Iovec.iovLen(vector + Iovec.SIZE)).isEqualTo(2);
    assertThat(iter.count()).isEqualTo(6);
    iter.advance(6);
    assertThat(iter.writeIovecs(vector)).isZero();
  }

  @Test
  void aBadPieceEndsTheCopyThere() {
    iovec(0, memory + HostMemory.PAGE_SIZE, 16);
    iovec(1, 0x1000, 16);
    assertThat(iter.importIovec(mm, true, memory, 2)).isZero();
    assertThat(iter.zero(32)).isEqualTo(16);
    assertThat(iter.count()).isEqualTo(16);
  }

  @Test
  void importRefusesWhatCanNotBe() {
    assertThat(iter.importIovec(mm, true, memory, 1025)).isEqualTo(-Errno.EINVAL);
    assertThat(iter.importIovec(mm, true, memory, -1)).isEqualTo(-Errno.EINVAL);
    assertThat(iter.importIovec(mm, true, 8, 1)).isEqualTo(-Errno.EFAULT);
    iovec(0, memory, -5);
    assertThat(iter.importIovec(mm, true, memory, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(iter.importSingleRange(mm, true, memory, -1)).isEqualTo(-Errno.EINVAL);
    assertThat(iter.importSingleRange(mm, true, -1, 16)).isEqualTo(-Errno.EFAULT);
  }

  @Test
  void lengthsAreCutToWhatOneCallMayMove() {
    assertThat(iter.importSingleRange(mm, true, memory, 1L << 40)).isZero();
    assertThat(iter.count()).isEqualTo(IovecIter.MAX_RW_COUNT);
    iovec(0, memory, IovecIter.MAX_RW_COUNT);
    iovec(1, memory, 100);
    assertThat(iter.importIovec(mm, true, memory, 2)).isZero();
    assertThat(iter.count()).isEqualTo(IovecIter.MAX_RW_COUNT);
  }

  @Test
  void alignmentSeesEveryPieceThatIsLeft() {
    iovec(0, memory, 512);
    iovec(1, memory + 1024, 1);
    assertThat(iter.importIovec(mm, true, memory, 2)).isZero();
    assertThat(iter.alignment() & 511).isEqualTo(1);
    iter.truncate(512);
    assertThat(iter.alignment() & 511).isZero();
  }
}
