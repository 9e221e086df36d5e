// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.core.Debug;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.Iomap;
import io.pollux.iomap.IomapOps;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Reading a file with a hole, data, unwritten blocks and a last block in part. */
final class XfsFileTest {
  private static final long INO = 136;
  private static final int SIZE = 4 * TestImage.BLOCK + 700;

  private final TestImage image = new TestImage();
  private MountedTree tree;
  private File file;
  private long buffer;

  @BeforeEach
  void mount() throws ErrnoException {
    image.rootEntry("file", INO);
    int inode = image.inode(INO, 0100644, 2, SIZE, 3, 4);
    image.extent(inode + 176, 1, 300, 1, false);
    image.extent(inode + 192, 3, 310, 1, true);
    image.extent(inode + 208, 4, 320, 2, false);
    image.sealInode(INO);
    for (int block : new int[] {300, 310, 320, 321}) {
      for (int i = 0; i < TestImage.BLOCK; i += 4) {
        image.disk.putInt(TestImage.byteOf(block) + i, block);
      }
    }
    tree = image.mount();
    file = tree.namei.open(tree.current, null, MountedTree.bytes("/file"), Fcntl.O_DIRECT, 0);
    buffer = tree.current.mm().mmap(1 << 20, Mman.PROT_READ | Mman.PROT_WRITE);
  }

  @AfterEach
  void unmount() throws ErrnoException {
    file.fput();
    tree.close();
  }

  private long read(Kiocb iocb, long pos, long bytes) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(tree.current.mm(), true, buffer, bytes)).isZero();
    iocb.kiPos = pos;
    return file.op().readIter(tree.current, iocb, iter);
  }

  private Kiocb request(int flags) {
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiFlags |= flags;
    return iocb;
  }

  private int blockAt(int index) {
    return Integer.reverseBytes(RawMemory.getInt(buffer + (long) index * TestImage.BLOCK));
  }

  @Test
  void readsEachKindOfExtent() {
    for (int flags : new int[] {Kiocb.IOCB_DIRECT, 0}) {
      Kiocb iocb = request(0);
      iocb.kiFlags = flags;
      RawMemory.segment(buffer, 1 << 20).fill((byte) 1);
      assertThat(read(iocb, 0, 8 * TestImage.BLOCK)).isEqualTo(SIZE);
      assertThat(new int[] {blockAt(0), blockAt(1), blockAt(2), blockAt(3), blockAt(4)})
          .containsExactly(0, 300, 0, 0, 320);
      assertThat(read(iocb, SIZE, 512)).isZero();
    }
  }

  @Test
  void seekingFindsDataAndHoles() {
    long block = TestImage.BLOCK;
    assertThat(seek(0, Fcntl.SEEK_HOLE)).isZero();
    assertThat(seek(0, Fcntl.SEEK_DATA)).isEqualTo(block);
    assertThat(file.pos()).isEqualTo(block);
    assertThat(seek(block + 7, Fcntl.SEEK_DATA)).isEqualTo(block + 7);
    assertThat(seek(block + 7, Fcntl.SEEK_HOLE)).isEqualTo(2 * block);
    assertThat(seek(2 * block, Fcntl.SEEK_DATA)).as("unwritten is a hole").isEqualTo(4 * block);
    assertThat(seek(3 * block + 1, Fcntl.SEEK_HOLE)).isEqualTo(3 * block + 1);
    assertThat(seek(4 * block, Fcntl.SEEK_HOLE))
        .as("the end, though blocks reach behind it")
        .isEqualTo(SIZE);
    for (int whence : new int[] {Fcntl.SEEK_DATA, Fcntl.SEEK_HOLE}) {
      for (long outside : new long[] {SIZE, Long.MAX_VALUE, -1, Long.MIN_VALUE}) {
        assertThat(seek(outside, whence)).isEqualTo(-Errno.ENXIO);
      }
    }
    assertThat(seek(-1, Fcntl.SEEK_END)).isEqualTo(SIZE - 1);
  }

  private long seek(long offset, int whence) {
    return file.op().llseek(tree.current, file, offset, whence);
  }

  @Test
  void doesNotSleepWhenItMustNot() {
    Kiocb nowait = request(Kiocb.IOCB_NOWAIT);
    assertThat(read(nowait, 0, 4096)).as("the extents are not in memory").isEqualTo(-Errno.EAGAIN);
    assertThat(read(request(0), 4096, 4096)).isEqualTo(4096);
    assertThat(read(nowait, 4096, 4096)).isEqualTo(4096);
    file.inode().iRwsem.downWrite(null);
    assertThat(read(nowait, 4096, 4096)).as("another task has the lock").isEqualTo(-Errno.EAGAIN);
    file.inode().iRwsem.upWrite();
    assertThat(file.inode().iRwsem.isLocked()).isFalse();
  }

  @Test
  void completesAPolledRequest() {
    long[] told = new long[1];
    Kiocb iocb = new Kiocb();
    iocb.init(file, (request, result, result2) -> told[0] = result);
    iocb.kiFlags |= Kiocb.IOCB_HIPRI;
    assertThat(read(iocb, 4096, 4096)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(told[0]).isZero();
    assertThat(file.op().iopoll(iocb, true)).isEqualTo(1);
    assertThat(told[0]).isEqualTo(4096);
    assertThat(blockAt(0)).isEqualTo(300);
    assertThat(file.inode().dioCount()).isZero();
  }

  @Test
  void mappingForDirectIoWithoutTheLockIsReported() {
    assumeTrue(Debug.ON, "locks are checked only with -Dpollux.debug=true");
    XfsInode ip = (XfsInode) file.inode();
    Iomap map = new Iomap();
    assertThatThrownBy(
            () -> XfsIomap.OPS.iomapBegin(tree.current, ip, 0, 1, IomapOps.IOMAP_DIRECT, map))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("calls iomapBegin without an inode's iRwsem");
  }

  @Test
  void mapsEveryPosition() throws ErrnoException {
    Iomap map = new Iomap();
    XfsInode ip = (XfsInode) file.inode();
    ip.iRwsem.downRead(tree.current);
    assertThat(XfsIomap.OPS.iomapBegin(tree.current, ip, 100, 1, IomapOps.IOMAP_WRITE, map))
        .isEqualTo(-Errno.EROFS);
    ip.iRwsem.upRead();
    assertThat(begin(ip, 100, map)).isEqualTo("HOLE 100 3996 0");
    assertThat(begin(ip, 4096, map)).isEqualTo("MAPPED 4096 4096 " + 300 * 4096);
    assertThat(begin(ip, 8191, map)).isEqualTo("MAPPED 4096 4096 " + 300 * 4096);
    assertThat(begin(ip, 3 * 4096 + 5, map)).isEqualTo("UNWRITTEN 12288 4096 " + 310 * 4096);
    assertThat(begin(ip, 5 * 4096, map)).isEqualTo("MAPPED 16384 8192 " + 320 * 4096);
    assertThat(begin(ip, 6 * 4096, map)).isEqualTo("HOLE 24576 " + (Long.MAX_VALUE - 24576) + " 0");
    assertThat(begin(ip, Long.MAX_VALUE - 1, map))
        .isEqualTo("HOLE " + (Long.MAX_VALUE - 1) + " 1 0");
  }

  private String begin(XfsInode ip, long pos, Iomap map) {
    assertThat(XfsIomap.OPS.iomapBegin(tree.current, ip, pos, 1, 0, map)).isZero();
    return map.type() + " " + map.offset() + " " + map.length() + " " + map.addr();
  }

  @Test
  void anOffsetBehindAllPositionsDoesNotOverflow() throws ErrnoException {
    int inode = image.inode(INO, 0100644, 2, Long.MAX_VALUE, 2, 2);
    image.extent(inode + 176, (1L << 51) - 1, 300, 1, false); // the last block there can be
    image.extent(inode + 192, 1L << 53, 310, 1, false); // behind it
    image.sealInode(INO);
    try (MountedTree other = image.mount()) {
      XfsInode ip = (XfsInode) other.find("/file").inode();
      Iomap map = new Iomap();
      assertThat(XfsIomap.OPS.iomapBegin(other.current, ip, 0, 1, 0, map)).isZero();
      assertThat(map.length()).isEqualTo(Long.MAX_VALUE - 4095);
      assertThat(XfsIomap.OPS.iomapBegin(other.current, ip, Long.MAX_VALUE - 7, 1, 0, map))
          .isZero();
      assertThat(map.type()).isEqualTo(Iomap.Type.MAPPED);
      assertThat(map.offset() + map.length()).isEqualTo(Long.MAX_VALUE);
    }
  }

  @Test
  void canBeOpenedForReadingOnly() {
    assertThatThrownBy(
            () -> tree.namei.open(tree.current, null, MountedTree.bytes("/file"), Fcntl.O_RDWR, 0))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EROFS));
    assertThat(file.fsync(tree.current, false)).isZero();
  }

  @Test
  void realtimeFilesAreRefused() throws ErrnoException {
    image.disk.putShort(TestImage.byteOfInode(INO) + 90, (short) 1);
    image.sealInode(INO);
    try (MountedTree other = image.mount()) {
      assertThatThrownBy(() -> other.sum("/file", true, 0, 4096))
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO));
    }
  }
}
