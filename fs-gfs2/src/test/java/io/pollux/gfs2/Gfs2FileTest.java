// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.core.Debug;
import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.FiemapExtentInfo;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Fileattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.Iomap;
import io.pollux.iomap.IomapOps;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Fiemap;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Reading files, past the page cache and through it, and what their glocks do meanwhile. */
@Timeout(60)
final class Gfs2FileTest {
  private static final int TREE = TinyImage.FREE; // a file with a tree of height 2
  private static final int STUFFED = TinyImage.FREE + 1;
  private static final int JOURNALED = TinyImage.FREE + 2;
  private static final int INDIRECT = TinyImage.FREE + 10;
  private static final int DATA = TinyImage.FREE + 20;
  private static final int SIZE = 3 * TinyImage.BLOCK + 700;
  private static final int STUFFED_SIZE = 1000;
  private static final int SPAN = 509; // blocks of a block of pointers

  private final TinyImage image = new TinyImage();
  private MountedImage mounted;
  private File file;

  /** Data, hole, data, data in part. */
  @BeforeEach
  void mount() throws ErrnoException {
    image.dinode(TREE, 0100644, SIZE, 2, 0);
    image.indirect(INDIRECT);
    image.inodePointer(TREE, 0, INDIRECT);
    for (int i : new int[] {0, 2, 3}) {
      image.pointer(INDIRECT, i, DATA + i);
      image.data(DATA + i, 1000 + i);
    }
    image.stuffed(STUFFED, STUFFED_SIZE);
    for (int i = 0; i < STUFFED_SIZE; i += 4) {
      image.disk.putInt(TinyImage.at(STUFFED) + TinyImage.DINODE + i, 7);
    }
    image.dinode(JOURNALED, 0100644, 10, 1, TinyImage.JDATA);
    image.inodePointer(JOURNALED, 0, DATA + 4);
    image.entry(TinyImage.ROOT, "tree", TREE, 8);
    image.entry(TinyImage.ROOT, "stuffed", STUFFED, 8);
    image.entry(TinyImage.ROOT, "journaled", JOURNALED, 8);
    mounted = image.mount();
    file = mounted.open("/tree", Fcntl.O_DIRECT);
  }

  @AfterEach
  void unmount() {
    file.fput();
    mounted.close();
    image.close();
  }

  private static int state(File file) {
    return ((Gfs2Inode) file.inode()).glock().state();
  }

  private Kiocb buffered(File of) {
    Kiocb iocb = mounted.request(of);
    iocb.kiFlags &= ~Kiocb.IOCB_DIRECT;
    return iocb;
  }

  @Test
  void readsDataAndHolesEitherWay() {
    for (boolean direct : new boolean[] {true, false, true}) {
      Kiocb iocb = direct ? mounted.request(file) : buffered(file);
      RawMemory.segment(mounted.buffer, MountedImage.BUFFER_BYTES).fill((byte) 1);
      assertThat(mounted.read(iocb, 0, 8 * TinyImage.BLOCK)).isEqualTo(SIZE);
      assertThat(
              new int[] {
                mounted.intAt(0), mounted.intAt(4096), mounted.intAt(8192), mounted.intAt(12288)
              })
          .containsExactly(1000, 0, 1002, 1003);
      assertThat(mounted.read(iocb, SIZE, 512)).isZero();
      assertThat(state(file)).isEqualTo(direct ? LmState.DEFERRED : LmState.SHARED);
    }
  }

  private List<List<Long>> fiemap(File of, int flags) {
    FiemapExtentInfo info = new FiemapExtentInfo(flags, mounted.buffer, 10);
    assertThat(of.inode().fiemap(mounted.current, info, 0, Long.MAX_VALUE)).isZero();
    List<List<Long>> found = new ArrayList<>();
    for (long at = mounted.buffer;
        at < mounted.buffer + info.mapped() * Fiemap.EXTENT_SIZE;
        at += Fiemap.EXTENT_SIZE) {
      long logical = RawMemory.getLong(at, Fiemap.FE_LOGICAL);
      long physical = RawMemory.getLong(at, Fiemap.FE_PHYSICAL);
      found.add(
          List.of(
              logical,
              physical,
              RawMemory.getLong(at, Fiemap.FE_LENGTH),
              (long) RawMemory.getInt(at, Fiemap.FE_FLAGS)));
    }
    return found;
  }

  @Test
  void extentsAreReported() throws ErrnoException {
    long block = TinyImage.BLOCK;
    long merged = Fiemap.FIEMAP_EXTENT_MERGED;
    assertThat(fiemap(file, Fiemap.FIEMAP_FLAG_SYNC))
        .containsExactly(
            List.of(0L, DATA * block, block, merged),
            List.of(2 * block, (DATA + 2) * block, 2 * block, merged | Fiemap.FIEMAP_EXTENT_LAST));
    FiemapExtentInfo xattr = new FiemapExtentInfo(Fiemap.FIEMAP_FLAG_XATTR, mounted.buffer, 1);
    assertThat(file.inode().fiemap(mounted.current, xattr, 0, block)).isEqualTo(-Errno.EBADR);
    File stuffed = mounted.open("/stuffed", Fcntl.O_RDONLY);
    long inline =
        Fiemap.FIEMAP_EXTENT_DATA_INLINE
            | Fiemap.FIEMAP_EXTENT_NOT_ALIGNED
            | Fiemap.FIEMAP_EXTENT_LAST;
    assertThat(fiemap(stuffed, 0))
        .containsExactly(
            List.of(0L, STUFFED * block + TinyImage.DINODE, (long) STUFFED_SIZE, inline));
    stuffed.fput();
  }

  @Test
  void flagsOfTheJournaledFileAreReported() throws ErrnoException {
    File journaled = mounted.open("/journaled", Fcntl.O_RDONLY);
    assertThat(journaled.inode().fileattrGet(mounted.current))
        .isEqualTo(Fileattr.ofFlags(Fileattr.FS_JOURNAL_DATA_FL));
    assertThat(file.inode().fileattrGet(mounted.current)).isEqualTo(Fileattr.ofFlags(0));
    journaled.fput();
  }

  @Test
  void directReadsDropWhatIsCachedAndSeeWhatIsThere() {
    assertThat(mounted.read(buffered(file), 0, 4096)).isEqualTo(4096);
    image.data(DATA, 2000); // as another node would
    assertThat(mounted.read(buffered(file), 0, 4096)).isEqualTo(4096);
    assertThat(mounted.intAt(0)).as("from the page cache").isEqualTo(1000);
    assertThat(mounted.read(mounted.request(file), 0, 4096)).isEqualTo(4096);
    assertThat(mounted.intAt(0)).isEqualTo(2000);
    assertThat(((Gfs2Inode) file.inode()).mapping().isEmpty()).isTrue();
    assertThat(mounted.read(buffered(file), 0, 4096)).isEqualTo(4096);
    assertThat(mounted.intAt(0)).as("read anew").isEqualTo(2000);
  }

  @Test
  void demotionForgetsTheInodeAndItsTree() {
    Gfs2Inode ip = (Gfs2Inode) file.inode();
    assertThat(mounted.read(mounted.request(file), 0, 4096)).isEqualTo(4096);
    image.disk.putLong(TinyImage.at(TREE) + 56, 100); // as another node would, and it tells first
    image.disk.putLong(TinyImage.at(INDIRECT) + 24, DATA + 3);
    assertThat(ip.size()).isEqualTo(SIZE);
    ip.glock().callback(mounted.current, LmState.UNLOCKED);
    assertThat(ip.glock().state()).isEqualTo(LmState.UNLOCKED);
    assertThat(mounted.read(mounted.request(file), 0, 4096)).isEqualTo(100);
    assertThat(mounted.intAt(0)).isEqualTo(1003);
    image.disk.putLong(TinyImage.at(TREE) + 24, 1); // it is another file now
    ip.glock().callback(mounted.current, LmState.UNLOCKED);
    assertThat(mounted.read(mounted.request(file), 0, 4096)).isEqualTo(-Errno.EIO);
    assertThat(ip.glock().state()).isEqualTo(LmState.UNLOCKED);
  }

  @Test
  void directReadsOfAStuffedFileGoThroughThePageCache() throws ErrnoException {
    File stuffed = mounted.open("/stuffed", Fcntl.O_DIRECT);
    Kiocb iocb = mounted.request(stuffed);
    assertThat(mounted.read(iocb, 0, 4096)).isEqualTo(STUFFED_SIZE);
    assertThat(mounted.intAt(996)).isEqualTo(7);
    assertThat(iocb.has(Kiocb.IOCB_DIRECT)).isFalse();
    assertThat(iocb.kiPos).isEqualTo(STUFFED_SIZE);
    assertThat(state(stuffed)).isEqualTo(LmState.SHARED);
    assertThat(mounted.read(mounted.request(stuffed), 512, 512)).isEqualTo(STUFFED_SIZE - 512);
    stuffed.fput();
  }

  @Test
  void completesAPolledRequestWithoutTheGlock() {
    long[] told = new long[1];
    Kiocb iocb = new Kiocb();
    iocb.init(file, (request, result, result2) -> told[0] = result);
    iocb.kiFlags |= Kiocb.IOCB_HIPRI;
    assertThat(mounted.read(iocb, 8192, 4096)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(told[0]).isZero();
    assertThat(file.inode().dioCount()).isEqualTo(1);
    assertThat(file.op().iopoll(iocb, true)).isEqualTo(1);
    assertThat(told[0]).isEqualTo(4096);
    assertThat(mounted.intAt(0)).isEqualTo(1002);
    assertThat(mounted.read(iocb, 0, 4096)).isEqualTo(-Kiocb.EIOCBQUEUED);
    // The page cache waits for the read and polls for it, since its poller would be this thread.
    assertThat(mounted.read(buffered(file), 8192, 4096)).isEqualTo(4096);
    assertThat(mounted.intAt(0)).as("what came last").isEqualTo(1002);
    assertThat(told[0]).isEqualTo(4096);
    assertThat(file.inode().dioCount()).isZero();
  }

  private long seek(File of, long offset, int whence) {
    return of.op().llseek(mounted.current, of, offset, whence);
  }

  @Test
  void findsDataAndHoles() {
    long block = TinyImage.BLOCK;
    assertThat(seek(file, 0, Fcntl.SEEK_DATA)).isZero();
    assertThat(seek(file, 0, Fcntl.SEEK_HOLE)).isEqualTo(block);
    assertThat(file.pos()).isEqualTo(block);
    assertThat(seek(file, block - 1, Fcntl.SEEK_HOLE)).isEqualTo(block);
    assertThat(seek(file, block + 7, Fcntl.SEEK_HOLE)).isEqualTo(block + 7);
    assertThat(seek(file, block, Fcntl.SEEK_DATA)).isEqualTo(2 * block);
    assertThat(seek(file, 3 * block + 9, Fcntl.SEEK_DATA)).isEqualTo(3 * block + 9);
    assertThat(seek(file, 2 * block, Fcntl.SEEK_HOLE))
        .as("the end, inside of a block")
        .isEqualTo(SIZE);
    for (int whence : new int[] {Fcntl.SEEK_DATA, Fcntl.SEEK_HOLE}) {
      for (long offset : new long[] {SIZE, SIZE + 1, Long.MAX_VALUE, -1, Long.MIN_VALUE}) {
        assertThat(seek(file, offset, whence)).isEqualTo(-Errno.ENXIO);
      }
    }
    assertThat(file.pos()).isEqualTo(SIZE);
    assertThat(state(file)).isEqualTo(LmState.SHARED);
    assertThat(seek(file, -1, Fcntl.SEEK_END)).isEqualTo(SIZE - 1);
    assertThat(seek(file, 5, Fcntl.SEEK_SET)).isEqualTo(5);
    assertThat(seek(file, 5, 5)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void theEndIsAskedForInAnyStateOfTheGlock() {
    assertThat(mounted.read(mounted.request(file), 0, 4096)).isEqualTo(4096);
    assertThat(state(file)).isEqualTo(LmState.DEFERRED);
    image.disk.putLong(TinyImage.at(TREE) + 56, 100); // as another node would
    assertThat(seek(file, 0, Fcntl.SEEK_END)).isEqualTo(SIZE);
    assertThat(state(file)).isEqualTo(LmState.DEFERRED);
    ((Gfs2Inode) file.inode()).glock().callback(mounted.current, LmState.UNLOCKED);
    assertThat(seek(file, 0, Fcntl.SEEK_END)).isEqualTo(100);
  }

  @Test
  void holesAsBigAsPartsOfTheTreeAreSkipped() throws ErrnoException {
    // data in the first block of its last block of pointers, and nothing else
    int sparse = TinyImage.FREE + 60;
    long first = 482L * SPAN * TinyImage.BLOCK;
    image.dinode(sparse, 0100644, first + 3 * TinyImage.BLOCK, 2, 0);
    image.indirect(sparse + 1);
    image.inodePointer(sparse, 482, sparse + 1);
    image.pointer(sparse + 1, 1, DATA);
    image.entry(TinyImage.ROOT, "sparse", sparse, 8);
    int hole = sparse + 2;
    image.dinode(hole, 0100644, 5000, 1, 0);
    image.entry(TinyImage.ROOT, "hole", hole, 8);
    try (MountedImage other = image.mount()) {
      File found = other.open("/sparse", 0);
      assertThat(found.op().llseek(other.current, found, 77, Fcntl.SEEK_DATA))
          .isEqualTo(first + TinyImage.BLOCK);
      assertThat(found.op().llseek(other.current, found, first + TinyImage.BLOCK, Fcntl.SEEK_HOLE))
          .isEqualTo(first + 2 * TinyImage.BLOCK);
      assertThat(
              found.op().llseek(other.current, found, first + 2 * TinyImage.BLOCK, Fcntl.SEEK_DATA))
          .isEqualTo(-Errno.ENXIO);
      found.fput();
      found = other.open("/hole", 0);
      assertThat(found.op().llseek(other.current, found, 0, Fcntl.SEEK_DATA))
          .isEqualTo(-Errno.ENXIO);
      assertThat(found.op().llseek(other.current, found, 4999, Fcntl.SEEK_HOLE)).isEqualTo(4999);
      found.fput();
    }
  }

  @Test
  void aStuffedFileIsDataUpToItsEnd() throws ErrnoException {
    for (String name : new String[] {"/stuffed", "/journaled"}) {
      File whole = mounted.open(name, 0);
      long size = whole.inode().size();
      assertThat(seek(whole, 0, Fcntl.SEEK_DATA)).isZero();
      assertThat(seek(whole, size - 1, Fcntl.SEEK_DATA)).isEqualTo(size - 1);
      assertThat(seek(whole, 3, Fcntl.SEEK_HOLE)).isEqualTo(size);
      assertThat(seek(whole, size, Fcntl.SEEK_HOLE)).isEqualTo(-Errno.ENXIO);
      whole.fput();
    }
    image.stuffed(TinyImage.FREE + 60, 0);
    image.entry(TinyImage.ROOT, "empty", TinyImage.FREE + 60, 8);
    try (MountedImage other = image.mount()) {
      File empty = other.open("/empty", 0);
      assertThat(empty.op().llseek(other.current, empty, 0, Fcntl.SEEK_DATA))
          .isEqualTo(-Errno.ENXIO);
      assertThat(empty.op().llseek(other.current, empty, 0, Fcntl.SEEK_HOLE))
          .isEqualTo(-Errno.ENXIO);
      empty.fput();
    }
  }

  /**
   * Blocks of pointers that all point to the same next one make a file of any length, without an
   * end to its extents.
   */
  @Test
  void aTreeThatIsSharedWithItselfHasAnEnd() throws ErrnoException {
    int round = TinyImage.FREE + 60;
    for (int data = 0; data < 2; data++) {
      int inode = round + 10 * data;
      image.dinode(inode, 0100644, Long.MAX_VALUE, 6, 0);
      for (int i = 0; i < 483; i++) {
        image.inodePointer(inode, i, inode + 1);
      }
      for (int level = 1; level < 6; level++) {
        image.indirect(inode + level);
        for (int i = 0; i < SPAN && (data == 1 || level < 5); i++) {
          image.pointer(inode + level, i, level < 5 ? inode + level + 1 : DATA);
        }
      }
      image.entry(TinyImage.ROOT, data == 1 ? "data" : "holes", inode, 8);
    }
    try (MountedImage other = image.mount()) {
      File damaged = other.open("/data", 0);
      assertThat(damaged.op().llseek(other.current, damaged, 0, Fcntl.SEEK_HOLE))
          .isEqualTo(-Errno.EIO);
      damaged.fput();
      damaged = other.open("/holes", 0);
      assertThat(damaged.op().llseek(other.current, damaged, 0, Fcntl.SEEK_DATA))
          .isEqualTo(-Errno.EIO);
      damaged.fput();
    }
  }

  @Test
  void journaledFilesAreNotForDirectIo() throws ErrnoException {
    assertThatThrownBy(() -> mounted.open("/journaled", Fcntl.O_DIRECT))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
    File journaled = mounted.open("/journaled", 0);
    assertThat(mounted.read(mounted.request(journaled), 0, 4096)).isEqualTo(10);
    assertThat(journaled.op().hasIopoll()).isFalse();
    journaled.fput();
  }

  @Test
  void aFileRefusesNowait() {
    assertThat(mounted.request(file).setRwFlags(AioAbi.RWF_NOWAIT)).isEqualTo(-Errno.EOPNOTSUPP);
  }

  @Test
  void canBeOpenedForReadingOnly() {
    assertThatThrownBy(() -> mounted.open("/tree", Fcntl.O_RDWR))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EROFS));
    assertThat(file.fsync(mounted.current, false)).isZero();
    Iomap map = new Iomap();
    Gfs2Glock gl = ((Gfs2Inode) file.inode()).glock();
    assertThat(gl.hold(mounted.current, LmState.SHARED)).isZero();
    assertThat(
            Gfs2Iomap.OPS.iomapBegin(
                mounted.current, file.inode(), 0, 1, IomapOps.IOMAP_WRITE, map))
        .isEqualTo(-Errno.EROFS);
    gl.letGo(mounted.current);
  }

  @Test
  void mappingForDirectIoWithoutTheGlockIsReported() {
    assumeTrue(Debug.ON, "locks are checked only with -Dpollux.debug=true");
    Iomap map = new Iomap();
    Inode inode = file.inode();
    assertThatThrownBy(
            () ->
                Gfs2Iomap.OPS.iomapBegin(mounted.current, inode, 0, 1, IomapOps.IOMAP_DIRECT, map))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("calls iomapBegin without an inode's glock");
  }

  @Test
  void mapsEveryPosition() {
    assertThat(begin(file, 100)).isEqualTo("MAPPED 0 4096 " + DATA * 4096L);
    assertThat(begin(file, 4096)).isEqualTo("HOLE 4096 4096 0");
    assertThat(begin(file, 3 * 4096 + 5)).isEqualTo("MAPPED 8192 8192 " + (DATA + 2) * 4096L);
    assertThat(begin(file, 4 * 4096)).isEqualTo("HOLE 16384 " + (SPAN - 4) * 4096L + " 0");
    long behind = (long) SPAN * 4096; // no block of pointers there, nor behind
    assertThat(begin(file, behind + 77)).isEqualTo("HOLE " + behind + " " + 482 * behind + " 0");
    long end = 483 * behind;
    assertThat(begin(file, end)).isEqualTo("HOLE " + end + " " + (Long.MAX_VALUE - end) + " 0");
    assertThat(begin(file, Long.MAX_VALUE))
        .isEqualTo("HOLE " + end + " " + (Long.MAX_VALUE - end) + " 0");
  }

  @Test
  void mapsTheHighestTree() throws ErrnoException {
    int high = TinyImage.FREE + 40;
    image.dinode(high, 0100644, Long.MAX_VALUE, 6, 0);
    int from = high;
    for (int level = 1; level < 6; level++) {
      image.indirect(high + level);
      if (level == 1) {
        image.inodePointer(high, 3, high + level);
      } else {
        image.pointer(from, 508, high + level);
      }
      from = high + level;
    }
    image.pointer(from, 508, DATA);
    image.entry(TinyImage.ROOT, "high", high, 8);
    try (MountedImage other = image.mount()) {
      File far = other.open("/high", Fcntl.O_DIRECT);
      long block = 4L * SPAN * SPAN * SPAN * SPAN * SPAN - 1;
      Iomap map = new Iomap();
      assertThat(Gfs2Iomap.OPS.iomapBegin(other.current, far.inode(), block * 4096, 1, 0, map))
          .isZero();
      assertThat(map.type()).isEqualTo(Iomap.Type.MAPPED);
      assertThat(map.offset()).isEqualTo(block * 4096);
      assertThat(
              Gfs2Iomap.OPS.iomapBegin(other.current, far.inode(), (block + 1) * 4096, 1, 0, map))
          .isZero();
      assertThat(map.type()).isEqualTo(Iomap.Type.HOLE);
      assertThat(map.offset() + map.length()).isEqualTo(Long.MAX_VALUE);
      assertThat(other.read(other.request(far), block * 4096, 4096)).isEqualTo(4096);
      assertThat(other.intAt(0)).isEqualTo(1000);
      far.fput();
    }
  }

  private String begin(File of, long pos) {
    Iomap map = new Iomap();
    assertThat(Gfs2Iomap.OPS.iomapBegin(mounted.current, of.inode(), pos, 1, 0, map)).isZero();
    return map.type() + " " + map.offset() + " " + map.length() + " " + map.addr();
  }
}
