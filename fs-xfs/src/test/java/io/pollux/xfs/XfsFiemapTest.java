// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.FiemapExtentInfo;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Fileattr;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Fiemap;
import io.pollux.uapi.FileIoctl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Extents and attributes of a file that shares some of its blocks, and a tree of reference counts
 * that may be damaged.
 */
@Timeout(60)
final class XfsFiemapTest {
  private static final long INO = 136;
  private static final int BLOCK = TestImage.BLOCK;
  private static final int AGF = 512; // header of the first group
  private static final int ROOT = 700; // of the tree, with two leaves
  private static final int LEFT = 701;
  private static final int RIGHT = 702;
  private static final int SHARED = Fiemap.FIEMAP_EXTENT_SHARED;
  private static final int LAST = Fiemap.FIEMAP_EXTENT_LAST;

  private final TestImage image = new TestImage();
  private final int inode;
  private @Nullable MountedTree tree;

  /**
   * One extent of data, at block 1 of the file, in blocks 300 to 309; one unwritten. Blocks 302 to
   * 305 are shared.
   */
  XfsFiemapTest() {
    image.rootEntry("file", INO);
    inode = image.inode(INO, 0100644, 2, 20L * BLOCK, 2, 12);
    image.extent(inode + 176, 1, 300, 10, false);
    image.extent(inode + 192, 15, 400, 2, true);
    image.disk.putLong(inode + 120, 0x18 | 0x2).putInt(inode + 92, 1234);
    image.sealInode(INO);
    image.disk.putInt(AGF + 88, ROOT).putInt(AGF + 92, 2);
    image.seal(AGF, 512, 216);
    int root = refcountBlock(ROOT, 1, 2, -1, -1);
    image.disk.putInt(root + 56, 10).putInt(root + 60, 304);
    image.disk.putInt(root + 56 + 505 * 4, LEFT).putInt(root + 60 + 505 * 4, RIGHT);
    int left = refcountBlock(LEFT, 0, 2, -1, RIGHT);
    record(left, 0, 10, 5);
    record(left, 1, 302, 2);
    int right = refcountBlock(RIGHT, 0, 3, LEFT, -1);
    record(right, 0, 304, 2); // contiguous with the record before, with another count
    record(right, 1, 400, 2);
    record(right, 2, Integer.MIN_VALUE | 300, 10); // a copy that is under way
    for (int block : new int[] {ROOT, LEFT, RIGHT}) {
      sealRefcount(block);
    }
  }

  private int refcountBlock(int block, int level, int records, int left, int right) {
    int at = block * BLOCK;
    image
        .disk
        .putInt(at, 0x52334643)
        .putShort(at + 4, (short) level)
        .putShort(at + 6, (short) records);
    image
        .disk
        .putInt(at + 8, left)
        .putInt(at + 12, right)
        .putLong(at + 16, at / 512)
        .put(at + 32, TestImage.UUID);
    return at;
  }

  private void record(int leaf, int index, int start, int count) {
    int at = leaf + 56 + index * 12;
    image.disk.putInt(at, start).putInt(at + 4, count).putInt(at + 8, 2);
  }

  private void sealRefcount(int block) {
    image.seal(block * BLOCK, BLOCK, 52);
  }

  @AfterEach
  void unmount() throws ErrnoException {
    if (tree != null) {
      tree.close();
    }
  }

  /** A reported extent, in blocks. */
  private record Extent(long logical, long physical, long length, int flags) {}

  private final List<Extent> reported = new ArrayList<>();

  private int fiemap(int flags, long start, long length) throws ErrnoException {
    MountedTree mounted = mount();
    long memory = mounted.current.mm().mmap(BLOCK, Mman.PROT_READ | Mman.PROT_WRITE);
    FiemapExtentInfo info = new FiemapExtentInfo(flags, memory, 20);
    int result = mounted.find("/file").inode().fiemap(mounted.current, info, start, length);
    for (long at = memory;
        at < memory + info.mapped() * Fiemap.EXTENT_SIZE;
        at += Fiemap.EXTENT_SIZE) {
      reported.add(
          new Extent(
              RawMemory.getLong(at, Fiemap.FE_LOGICAL) / BLOCK,
              RawMemory.getLong(at, Fiemap.FE_PHYSICAL) / BLOCK,
              RawMemory.getLong(at, Fiemap.FE_LENGTH) / BLOCK,
              RawMemory.getInt(at, Fiemap.FE_FLAGS)));
    }
    return result;
  }

  private MountedTree mount() throws ErrnoException {
    MountedTree mounted = image.mount();
    tree = mounted;
    return mounted;
  }

  private static final Extent UNWRITTEN =
      new Extent(15, 400, 2, Fiemap.FIEMAP_EXTENT_UNWRITTEN | LAST);

  @Test
  void anExtentIsReportedInPartsWhereBlocksAreShared() throws ErrnoException {
    assertThat(fiemap(0, 0, Long.MAX_VALUE)).isZero();
    assertThat(reported)
        .as("the run of shared blocks goes from one leaf to the next")
        .containsExactly(
            new Extent(1, 300, 2, 0),
            new Extent(3, 302, 4, SHARED),
            new Extent(7, 306, 4, 0),
            UNWRITTEN);
  }

  @Test
  void aRangeBeginsInsideARunOfSharedBlocks() throws ErrnoException {
    assertThat(fiemap(0, 6L * BLOCK + 5, BLOCK)).isZero();
    assertThat(reported)
        .containsExactly(new Extent(6, 305, 1, SHARED), new Extent(7, 306, 1, LAST));
  }

  @Test
  void aFileThatSharesNothingNeedsNoTree() throws ErrnoException {
    image.disk.putLong(inode + 120, 0x18).putInt(ROOT * BLOCK, 0);
    image.sealInode(INO);
    assertThat(fiemap(0, 0, Long.MAX_VALUE)).isZero();
    assertThat(reported).containsExactly(new Extent(1, 300, 10, 0), UNWRITTEN);
  }

  @ParameterizedTest
  @CsvSource({
    "the root is no such block, 700, 0, 0",
    "the root has the wrong level, 700, 4, 0",
    "the root has too many records, 700, 6, 32000",
    "the root points outside the group, 700, 2076, 10000000",
    "the root points to itself, 700, 2076, 700",
    "the left leaf is followed by itself, 701, 12, 701",
    "the left leaf is followed by the root, 701, 12, 700"
  })
  void aTreeThatIsDamagedIsAnError(String how, int block, int offset, int value)
      throws ErrnoException {
    int at = block * BLOCK + offset;
    if (offset == 4 || offset == 6) {
      image.disk.putShort(at, (short) value);
    } else {
      image.disk.putInt(at, value);
    }
    sealRefcount(block);
    assertThat(fiemap(0, 0, Long.MAX_VALUE)).as(how).isEqualTo(-Errno.EUCLEAN);
  }

  @Test
  void attributesInTheInodeHaveNoExtents() throws ErrnoException {
    assertThat(fiemap(Fiemap.FIEMAP_FLAG_XATTR, 0, Long.MAX_VALUE)).isZero();
    assertThat(reported).isEmpty();
  }

  @Test
  void extentsOfAttributesAreReported() throws ErrnoException {
    attributes(2, 1);
    image.extent(inode + 176 + 160, 0, 500, 3, false);
    image.sealInode(INO);
    assertThat(fiemap(Fiemap.FIEMAP_FLAG_XATTR, 0, Long.MAX_VALUE)).isZero();
    assertThat(reported).containsExactly(new Extent(0, 500, 3, LAST));
  }

  @Test
  void moreExtentsOfAttributesThanFitAreAnError() throws ErrnoException {
    attributes(2, 12);
    image.sealInode(INO);
    assertThat(fiemap(Fiemap.FIEMAP_FLAG_XATTR, 0, Long.MAX_VALUE)).isEqualTo(-Errno.EUCLEAN);
  }

  @Test
  void aDamagedTreeOfExtentsOfAttributesIsDamage() throws ErrnoException {
    attributes(3, 100);
    image.sealInode(INO);
    assertThat(fiemap(Fiemap.FIEMAP_FLAG_XATTR, 0, Long.MAX_VALUE)).isEqualTo(-Errno.EUCLEAN);
  }

  /** Gives the inode an attribute fork, 160 bytes behind the data fork. */
  private void attributes(int format, int extents) {
    image
        .disk
        .put(inode + 82, (byte) 20)
        .put(inode + 83, (byte) format)
        .putInt(inode + 76, extents);
  }

  @Test
  void flagsAreThoseOfTheInode() throws ErrnoException {
    image
        .disk
        .putShort(inode + 90, (short) (0x8 | 0x4 | 0x80 | 0x200 | 0x800))
        .putInt(inode + 72, 16);
    image.disk.putShort(inode + 20, (short) 0xfffe).putShort(inode + 22, (short) 0xffff);
    image.disk.putLong(inode + 120, 0x18 | 0x2 | 0x4).putInt(inode + 128, 2);
    image.sealInode(INO);
    MountedTree mounted = mount();
    File file =
        mounted.namei.open(mounted.current, null, MountedTree.bytes("/file"), Fcntl.O_RDONLY, 0);
    Fileattr found = file.inode().fileattrGet(mounted.current);
    int flags = Fileattr.FS_IMMUTABLE_FL | Fileattr.FS_NODUMP_FL | Fileattr.FS_PROJINHERIT_FL;
    int xflags = 0x8 | 0x80 | 0x200 | 0x800 | Fileattr.FS_XFLAG_COWEXTSIZE;
    assertThat(found).isEqualTo(new Fileattr(flags, xflags, 16 * BLOCK, 2, -2, 2 * BLOCK, true));
    long memory = mounted.current.mm().mmap(BLOCK, Mman.PROT_READ | Mman.PROT_WRITE);
    assertThat(file.op().ioctl(mounted.current, file, FileIoctl.FS_IOC_GETVERSION, memory))
        .isZero();
    assertThat(RawMemory.getInt(memory)).isEqualTo(1234);
    assertThat(file.op().ioctl(mounted.current, file, FileIoctl.FS_IOC_GETVERSION, 16))
        .isEqualTo(-Errno.EFAULT);
    file.fput();
  }
}
