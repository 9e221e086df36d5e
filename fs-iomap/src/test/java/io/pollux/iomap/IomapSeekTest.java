// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.BLOCK;
import static io.pollux.iomap.IomapRig.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.Oops;
import io.pollux.core.mm.Slab;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.IomapRig.Recorder;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Seeking in a file with two extents that are not written, before and between data. */
@Timeout(60)
class IomapSeekTest {
  private static final int SIZE = 4 * BLOCK + 5;

  private final IomapRig rig = new IomapRig();
  private final ExtentFile inode =
      new ExtentFile(rig.bdev, SIZE)
          .setExtent(Iomap.Type.UNWRITTEN, 0, BLOCK, 0)
          .setExtent(Iomap.Type.UNWRITTEN, BLOCK, BLOCK, 4 * BLOCK)
          .setExtent(Iomap.Type.MAPPED, 2 * BLOCK, BLOCK, 8 * BLOCK)
          .setExtent(Iomap.Type.INLINE, 3 * BLOCK, 2 * BLOCK, 12 * BLOCK);
  private final Recorder ops = new Recorder(inode);

  @AfterEach
  void close() {
    rig.close();
  }

  @Test
  void theMappingIsAskedForTheRestOfTheFile() {
    assertThat(IomapSeek.data(rig.current, inode, 5, ops, 10)).isEqualTo(2 * BLOCK);
    assertThat(ops.lengths)
        .as("an unwritten extent is mapped again after the search for its pages")
        .containsExactly(
            (long) SIZE - 5,
            (long) SIZE - 5,
            (long) SIZE - BLOCK,
            (long) SIZE - BLOCK,
            (long) SIZE - 2 * BLOCK);
    assertThat(ops.flags).containsOnly(IomapOps.IOMAP_REPORT);
  }

  @Test
  void theEndOfTheFileIsAHole() {
    assertThat(IomapSeek.hole(rig.current, inode, 2 * BLOCK, ops, 10)).isEqualTo(SIZE);
    assertThat(ops.lengths).as("nothing is mapped beyond the end").hasSize(2);
  }

  @Test
  void moreExtentsThanTheLimitAreAnError() {
    assertThat(IomapSeek.data(rig.current, inode, 0, ops, 3)).isEqualTo(2 * BLOCK);
    assertThat(IomapSeek.data(rig.current, inode, 0, ops, 2)).isEqualTo(-Errno.EIO);
    assertThat(IomapSeek.hole(rig.current, inode, 2 * BLOCK, ops, 2)).isEqualTo(SIZE);
    assertThat(IomapSeek.hole(rig.current, inode, 2 * BLOCK, ops, 1)).isEqualTo(-Errno.EIO);
  }

  @Test
  void theErrorOfTheMappingComesThrough() {
    inode.failWith(Errno.EUCLEAN);
    assertThat(IomapSeek.data(rig.current, inode, 0, ops, 10)).isEqualTo(-Errno.EUCLEAN);
    assertThat(IomapSeek.hole(rig.current, inode, 0, ops, 10)).isEqualTo(-Errno.EUCLEAN);
  }

  @Test
  void anExtentElsewhereStopsTheSearch() {
    IomapOps wrong =
        (task, file, pos, length, flags, iomap) -> {
          iomap.setHole(pos + 1, 1);
          return 0;
        };
    List<String> said = new ArrayList<>();
    Oops.setSink((sentence, thrown) -> said.add(sentence));
    try {
      assertThat(IomapSeek.data(rig.current, inode, 7, wrong, 10)).isEqualTo(-Errno.EIO);
    } finally {
      Oops.setSink(null);
    }
    assertThat(said).singleElement().asString().contains("does not cover byte 7");
  }

  @Test
  void aDirtyPageOverAnUnwrittenExtentIsData() {
    ExtentFile file = new ExtentFile(rig.fs, 8 * PAGE).allocate(ExtentFile.Allocation.UNWRITTEN, 0);
    file.setExtent(Iomap.Type.UNWRITTEN, 0, 8 * PAGE, 0);
    Kiocb iocb = rig.sync(file, 3 * PAGE + 10, Kiocb.IOCB_WRITE);
    assertThat(file.fop().writeIter(rig.current, iocb, rig.iter(false, rig.memory, PAGE)))
        .isEqualTo(PAGE);
    assertThat(IomapSeek.data(rig.current, file, 0, file, 10)).isEqualTo(3 * PAGE);
    assertThat(IomapSeek.data(rig.current, file, 3 * PAGE + 7, file, 10)).isEqualTo(3 * PAGE + 7);
    assertThat(IomapSeek.hole(rig.current, file, 3 * PAGE + 7, file, 10)).isEqualTo(5 * PAGE);
    assertThat(IomapSeek.hole(rig.current, file, 7, file, 10)).isEqualTo(7);
    assertThat(IomapSeek.data(rig.current, file, 5 * PAGE, file, 10)).isEqualTo(-Errno.ENXIO);
  }

  @Test
  void aCleanPageOverAnUnwrittenExtentIsAHole() {
    ExtentFile file = new ExtentFile(rig.fs, 2 * PAGE);
    file.setExtent(Iomap.Type.UNWRITTEN, 0, 2 * PAGE, 0);
    assertThat(rig.buffered(rig.current, file, 0, 2 * PAGE)).isEqualTo(2 * PAGE);
    assertThat(file.mapping().isEmpty()).isFalse();
    assertThat(IomapSeek.data(rig.current, file, 0, file, 10)).isEqualTo(-Errno.ENXIO);
    assertThat(IomapSeek.hole(rig.current, file, 5, file, 10)).isEqualTo(5);
  }

  @Test
  void pagesThatAreWrittenBackWhileItSearchesAreData() {
    for (boolean data : new boolean[] {true, false}) {
      ExtentFile file = new ExtentFile(rig.fs, 8 * PAGE);
      file.allocate(ExtentFile.Allocation.UNWRITTEN, 0);
      file.setExtent(Iomap.Type.UNWRITTEN, 0, 8 * PAGE, 0);
      Kiocb iocb = rig.sync(file, 3 * PAGE, Kiocb.IOCB_WRITE);
      assertThat(file.fop().writeIter(rig.current, iocb, rig.iter(false, rig.memory, PAGE)))
          .isEqualTo(PAGE);
      IomapOps late =
          (task, inode, pos, length, flags, iomap) -> {
            int result = file.iomapBegin(task, inode, pos, length, flags, iomap);
            assertThat(file.mapping().writeBack(task, 0, Long.MAX_VALUE)).isZero();
            file.mapping().invalidateAll();
            return result;
          };
      if (data) {
        assertThat(IomapSeek.data(rig.current, file, 0, late, 10)).isEqualTo(3 * PAGE);
      } else {
        assertThat(IomapSeek.hole(rig.current, file, 3 * PAGE, late, 10)).isEqualTo(4 * PAGE);
      }
    }
  }

  @Test
  void aSearchReusesTheExtentsOfTheOneBefore() {
    Iomap warm = Iomap.SLAB.alloc(rig.current);
    Slab.free(warm);
    assertThat(IomapSeek.data(rig.current, inode, 0, ops, 10)).isEqualTo(2 * BLOCK);
    assertThat(Iomap.SLAB.alloc(rig.current)).isSameAs(warm);
  }
}
