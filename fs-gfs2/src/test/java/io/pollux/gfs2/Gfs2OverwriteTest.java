// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Statx;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Writes in place: the contents of the disk, the writes that are refused, and the glocks' states.
 */
@Timeout(60)
final class Gfs2OverwriteTest {
  private static final int BLOCK = TinyImage.BLOCK;
  private static final int TREE = TinyImage.FREE;
  private static final int STUFFED = TinyImage.FREE + 1;
  private static final int JOURNALED = TinyImage.FREE + 2;
  private static final int MARKED = TinyImage.FREE + 3;
  private static final int DATA = TinyImage.FREE + 20;
  private static final int SIZE = 5 * BLOCK + 700;
  private static final int STUFFED_SIZE = 1000;
  private static final int IMMUTABLE = 0x20;
  private static final int APPENDONLY = 0x40;

  private final TinyImage image = new TinyImage();
  private final List<File> open = new ArrayList<>();
  private byte[] before = new byte[0];
  private MountedImage mounted;
  private boolean unmounted;

  /** Data, data, hole, data, data, data in part. */
  @BeforeEach
  void mount() throws ErrnoException {
    image.dinode(TREE, 0100644, SIZE, 1, 0);
    for (int i : new int[] {0, 1, 3, 4, 5}) {
      image.inodePointer(TREE, i, DATA + i);
      image.data(DATA + i, 1000 + i);
    }
    image.stuffed(STUFFED, STUFFED_SIZE);
    image.dinode(JOURNALED, 0100644, BLOCK, 1, TinyImage.JDATA);
    image.inodePointer(JOURNALED, 0, DATA + 10);
    image.dinode(MARKED, 0100644, BLOCK, 1, IMMUTABLE);
    image.inodePointer(MARKED, 0, DATA + 11);
    image.dinode(MARKED + 1, 0100644, BLOCK, 1, APPENDONLY);
    image.inodePointer(MARKED + 1, 0, DATA + 12);
    image.entry(TinyImage.ROOT, "tree", TREE, 8);
    image.entry(TinyImage.ROOT, "stuffed", STUFFED, 8);
    image.entry(TinyImage.ROOT, "journaled", JOURNALED, 8);
    image.entry(TinyImage.ROOT, "immutable", MARKED, 8);
    image.entry(TinyImage.ROOT, "append", MARKED + 1, 8);
    before = disk();
    mounted = image.mountForWriting();
  }

  @AfterEach
  void close() {
    unmount();
    image.close();
  }

  private void unmount() {
    if (!unmounted) {
      unmounted = true;
      open.forEach(File::fput);
      mounted.close();
    }
  }

  private byte[] disk() {
    byte[] bytes = new byte[image.disk.capacity()];
    image.disk.get(0, bytes);
    return bytes;
  }

  private File open(String path, int flags) throws ErrnoException {
    File file = mounted.open(path, flags);
    open.add(file);
    return file;
  }

  private Gfs2Inode inode(File file) {
    return (Gfs2Inode) file.inode();
  }

  /** Writes a byte many times. */
  private long write(File file, long pos, int bytes, int value) {
    RawMemory.segment(mounted.buffer, bytes).fill((byte) value);
    return mounted.write(mounted.request(file), pos, bytes);
  }

  private int byteAt(long position) {
    return image.disk.get((int) position);
  }

  private static long at(int block) {
    return TinyImage.at(block);
  }

  @Test
  void directWritesArriveUnderTheDeferredGlock() throws ErrnoException {
    File file = open("/tree", Fcntl.O_RDWR | Fcntl.O_DIRECT);
    assertThat(write(file, 512, 1024, 7)).isEqualTo(1024);
    assertThat(inode(file).glock().state()).isEqualTo(LmState.DEFERRED);
    assertThat(byteAt(at(DATA) + 511)).isNotEqualTo(7);
    assertThat(byteAt(at(DATA) + 512)).isEqualTo(7);
    assertThat(byteAt(at(DATA) + 1535)).isEqualTo(7);
    assertThat(byteAt(at(DATA) + 1536)).isNotEqualTo(7);
    assertThat(write(file, 100, 512, 7)).isEqualTo(-Errno.EINVAL);
    assertThat(write(file, BLOCK, 2 * BLOCK, 8)).as("up to the hole").isEqualTo(BLOCK);
    assertThat(write(file, 2 * BLOCK, BLOCK, 8)).as("into the hole").isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(write(file, 5 * BLOCK, BLOCK, 9)).as("whole sectors before the end").isEqualTo(512);
    assertThat(write(file, 6 * BLOCK, BLOCK, 9)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(byteAt(at(DATA + 5) + 511)).isEqualTo(9);
    assertThat(byteAt(at(DATA + 5) + 512)).isNotEqualTo(9);
  }

  @Test
  void bufferedWritesArriveWhenTheGlockLeavesExclusive() throws ErrnoException {
    File file = open("/tree", Fcntl.O_RDWR);
    assertThat(write(file, 5, 10, 7)).isEqualTo(10);
    assertThat(inode(file).glock().state()).isEqualTo(LmState.EXCLUSIVE);
    assertThat(byteAt(at(DATA) + 5)).as("in memory only").isNotEqualTo(7);
    Kiocb direct = mounted.request(file);
    direct.kiFlags |= Kiocb.IOCB_DIRECT;
    assertThat(mounted.read(direct, 0, 512)).isEqualTo(512);
    assertThat(RawMemory.getByte(mounted.buffer + 5)).isEqualTo((byte) 7);
    assertThat(inode(file).glock().state()).isEqualTo(LmState.DEFERRED);
    assertThat(inode(file).mapping().isEmpty()).isTrue();
    assertThat(byteAt(at(DATA) + 14)).isEqualTo(7);
    assertThat(byteAt(at(DATA) + 15)).isNotEqualTo(7);
    assertThat(write(file, BLOCK + 1, 2 * BLOCK, 8)).as("up to the hole").isEqualTo(BLOCK - 1);
    assertThat(write(file, 2 * BLOCK, 1, 8)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(write(file, SIZE - 10, 100, 9)).as("up to the end").isEqualTo(10);
    assertThat(write(file, SIZE, 1, 9)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(file.fsync(mounted.current, false)).isZero();
    assertThat(byteAt(at(DATA + 1) + 1)).isEqualTo(8);
    assertThat(byteAt(at(DATA + 5) + 699)).isEqualTo(9);
    assertThat(byteAt(at(DATA + 5) + 700)).isNotEqualTo(9);
  }

  @Test
  void dataInTheInodeIsWrittenThere() throws ErrnoException {
    File file = open("/stuffed", Fcntl.O_RDWR);
    long data = at(STUFFED) + TinyImage.DINODE;
    assertThat(write(file, 990, 100, 7)).isEqualTo(10);
    assertThat(file.fsync(mounted.current, true)).isZero();
    assertThat(byteAt(data + 989)).isZero();
    assertThat(byteAt(data + 999)).isEqualTo(7);
    assertThat(byteAt(data + 1000)).isZero();
    File direct = open("/stuffed", Fcntl.O_RDWR | Fcntl.O_DIRECT);
    assertThat(write(direct, 0, 512, 8)).as("through the page cache").isEqualTo(512);
    assertThat(byteAt(data)).isEqualTo(8);
    assertThat(byteAt(data + 511)).isEqualTo(8);
    assertThat(byteAt(data + 512)).isZero();
    assertThat(inode(file).mapping().isEmpty()).isTrue();
    assertThat(mounted.read(mounted.request(file), 0, STUFFED_SIZE)).isEqualTo(STUFFED_SIZE);
    assertThat(RawMemory.getByte(mounted.buffer + 511)).isEqualTo((byte) 8);
    assertThat(RawMemory.getByte(mounted.buffer + 995)).isEqualTo((byte) 7);
  }

  @Test
  void ofTheMetadataOnlyTimesChange() throws ErrnoException {
    long earliest = System.currentTimeMillis();
    for (String name : new String[] {"/tree", "/stuffed"}) {
      assertThat(write(open(name, Fcntl.O_RDWR), 0, 100, 7)).isEqualTo(100);
    }
    assertThat(write(open("/tree", Fcntl.O_RDWR | Fcntl.O_DIRECT), BLOCK, BLOCK, 8))
        .isEqualTo(BLOCK);
    assertThat(image.disk.getLong(TinyImage.at(TREE) + 80)).as("not before sync").isZero();
    unmount();
    byte[] after = disk();
    for (int inode : new int[] {TREE, STUFFED}) {
      ByteBuffer dinode = ByteBuffer.wrap(after, TinyImage.at(inode), BLOCK).slice();
      long millis = dinode.getLong(80) * 1000 + dinode.getInt(180) / 1_000_000;
      assertThat(millis).isBetween(earliest, System.currentTimeMillis());
      assertThat(dinode.getLong(88)).isEqualTo(dinode.getLong(80));
      assertThat(dinode.getInt(184)).isEqualTo(dinode.getInt(180)).isBetween(0, 999_999_999);
      for (int field : new int[] {80, 88}) {
        ByteBuffer.wrap(before).putLong(TinyImage.at(inode) + field, dinode.getLong(field));
        ByteBuffer.wrap(before)
            .putInt(TinyImage.at(inode) + 180 + (field - 80) / 2, dinode.getInt(180));
      }
    }
    Arrays.fill(before, (int) at(DATA), (int) at(DATA) + 100, (byte) 7);
    Arrays.fill(before, (int) at(DATA + 1), (int) at(DATA + 2), (byte) 8);
    Arrays.fill(before, (int) at(STUFFED) + 232, (int) at(STUFFED) + 332, (byte) 7);
    assertThat(Arrays.mismatch(after, before)).isEqualTo(-1);
  }

  @Test
  void timesAreWrittenBeforeTheNodeGivesTheInodeUp() throws ErrnoException {
    File file = open("/tree", Fcntl.O_RDWR | Fcntl.O_DIRECT);
    assertThat(write(file, 0, 512, 7)).isEqualTo(512);
    Gfs2Inode ip = inode(file);
    long written = ip.writeTime().millis();
    ip.glock().callback(mounted.current, LmState.UNLOCKED);
    assertThat(image.disk.getLong(TinyImage.at(TREE) + 80)).isEqualTo(written / 1000);
    image.disk.putLong(TinyImage.at(TREE) + 80, 5); // another node writes
    assertThat(mounted.read(mounted.request(file), 0, 512)).isEqualTo(512);
    assertThat(ip.writeTime().isSet()).isFalse();
    assertThat(ip.dinode().mtime()).isEqualTo(5);
  }

  @Test
  void polledWritesAreWaitedForByThePageCache() throws ErrnoException {
    File file = open("/tree", Fcntl.O_RDWR | Fcntl.O_DIRECT);
    long[] told = new long[1];
    Kiocb iocb = new Kiocb();
    iocb.init(file, (request, result, result2) -> told[0] = result);
    iocb.kiFlags |= Kiocb.IOCB_HIPRI;
    RawMemory.segment(mounted.buffer, 512).fill((byte) 7);
    assertThat(mounted.write(iocb, 0, 512)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(told[0]).isZero();
    Kiocb buffered = mounted.request(file);
    buffered.kiFlags &= ~Kiocb.IOCB_DIRECT;
    assertThat(mounted.read(buffered, 0, 1)).isEqualTo(1);
    assertThat(RawMemory.getByte(mounted.buffer)).isEqualTo((byte) 7);
    assertThat(told[0]).isEqualTo(512);
    assertThat(file.inode().dioCount()).isZero();
  }

  @Test
  void statxTellsTheMarksAndNoBirthTime() throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      long statx = arena.allocate(Statx.SIZE, Long.BYTES).address();
      for (String name : List.of("/tree", "/immutable", "/append")) {
        open(name, Fcntl.O_RDONLY).inode().fillStatx(statx, -1);
        assertThat(Statx.stxMask(statx)).isZero();
        assertThat(Statx.stxAttributesMask(statx)).isEqualTo(0x874);
        assertThat(Statx.stxAttributes(statx))
            .as(name)
            .isEqualTo(
                name.equals("/immutable")
                    ? Statx.STATX_ATTR_IMMUTABLE
                    : name.equals("/append") ? Statx.STATX_ATTR_APPEND : 0);
      }
    }
  }

  @Test
  void whatWouldChangeMoreIsRefused() throws ErrnoException {
    assertThat(write(open("/journaled", Fcntl.O_RDWR), 0, 10, 7)).isEqualTo(-Errno.EOPNOTSUPP);
    assertErrno(Errno.EINVAL, "/journaled", Fcntl.O_RDWR | Fcntl.O_DIRECT);
    assertErrno(Errno.EPERM, "/immutable", Fcntl.O_RDWR);
    assertErrno(Errno.EPERM, "/append", Fcntl.O_RDWR);
    assertErrno(Errno.EOPNOTSUPP, "/tree", Fcntl.O_RDWR | Fcntl.O_TRUNC);
    assertErrno(Errno.EOPNOTSUPP, "/new", Fcntl.O_RDWR | Fcntl.O_CREAT);
    File append = open("/append", Fcntl.O_RDWR | Fcntl.O_APPEND);
    Kiocb iocb = mounted.request(append);
    assertThat(iocb.has(Kiocb.IOCB_APPEND)).isTrue();
    assertThat(mounted.write(iocb, 0, 10)).isEqualTo(-Errno.EOPNOTSUPP);
    unmount();
    assertThat(Arrays.mismatch(disk(), before)).as("the disk").isEqualTo(-1);
  }

  private void assertErrno(int errno, String path, int flags) {
    assertThatThrownBy(() -> open(path, flags))
        .isInstanceOfSatisfying(ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(errno));
  }
}
