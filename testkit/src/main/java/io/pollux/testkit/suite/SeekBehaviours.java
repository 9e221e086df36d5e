// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.suite.Feature.ALLOCATE;
import static io.pollux.testkit.suite.Feature.CREATE;
import static io.pollux.testkit.suite.Feature.FALLOCATE;
import static io.pollux.testkit.suite.Feature.FIEMAP;
import static io.pollux.testkit.suite.Feature.SEEK;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Fiemap;
import io.pollux.uapi.FileIoctl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Positions, holes and extents of files. */
abstract class SeekBehaviours extends SizeBehaviours {
  private static final int MAX_EXTENTS = 64;
  private static final int UNIT = 16 * PAGE; // larger than any block

  /** One extent of a file. */
  private record Extent(long logical, long physical, long length, int flags) {
    boolean is(int flag) {
      return (flags & flag) != 0;
    }
  }

  @Test
  void seekMovesThePosition() {
    Sample sample = sample(PAGE);
    long size = sizeOf(sample);
    int fd = fs.fd(sample.path(), O_RDONLY);
    assertThatCall(fs.lseek(fd, 100, Fcntl.SEEK_SET)).returns(100);
    assertThatCall(fs.lseek(fd, 20, Fcntl.SEEK_CUR)).returns(120);
    assertThatCall(fs.lseek(fd, -10, Fcntl.SEEK_END)).returns(size - 10);
    assertThatCall(fs.lseek(fd, 10, Fcntl.SEEK_END)).returns(size + 10);
    assertThatCall(fs.read(fd, 10)).returns(0);
    assertFails(fs.lseek(fd, -1, Fcntl.SEEK_SET), Errno.EINVAL);
    assertFails(fs.lseek(fd, -size - 1, Fcntl.SEEK_END), Errno.EINVAL);
    assertFails(fs.lseek(fd, 0, 99), Errno.EINVAL);
    assertThatCall(fs.lseek(fd, 0, Fcntl.SEEK_CUR)).returns(size + 10);
    fs.done(fd);
  }

  @Test
  void aFileOfDataEndsWithAHole() {
    Sample sample = sample(4 * PAGE);
    long size = sizeOf(sample);
    int fd = fs.fd(sample.path(), O_RDONLY);
    assertThatCall(fs.lseek(fd, 0, Fcntl.SEEK_DATA)).returns(0);
    assertThatCall(fs.lseek(fd, 100, Fcntl.SEEK_DATA)).returns(100);
    assertThatCall(fs.lseek(fd, 0, Fcntl.SEEK_HOLE)).returns(size);
    assertFails(fs.lseek(fd, size, Fcntl.SEEK_DATA), Errno.ENXIO);
    assertFails(fs.lseek(fd, size, Fcntl.SEEK_HOLE), Errno.ENXIO);
    assertFails(fs.lseek(fd, -1, Fcntl.SEEK_DATA), Errno.ENXIO);
    fs.done(fd);
  }

  @Test
  @Needs(CREATE)
  void anEmptyFileHasNeitherDataNorHole() {
    int fd = fs.fd("empty", O_CREATE);
    assertFails(fs.lseek(fd, 0, Fcntl.SEEK_DATA), Errno.ENXIO);
    assertFails(fs.lseek(fd, 0, Fcntl.SEEK_HOLE), Errno.ENXIO);
    fs.done(fd);
  }

  /** Creates a file with data in the second and the fourth of five units. */
  private int sparse() {
    int fd = fs.fd("sparse", O_CREATE);
    fs.store(fd, bytes(UNIT), UNIT);
    fs.store(fd, bytes(UNIT), 3 * UNIT);
    assertOk(fs.ftruncate(fd, 5 * UNIT));
    return fd;
  }

  @Test
  @Needs({CREATE, ALLOCATE, SEEK})
  void seekFindsDataAndHoles() {
    int fd = sparse();
    assertOk(fs.fsync(fd));
    assertHoles(fd);
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE, SEEK})
  void dataThatIsOnlyCachedIsData() {
    int fd = sparse();
    assertHoles(fd);
    fs.done(fd);
  }

  private void assertHoles(int fd) {
    assertThatCall(fs.lseek(fd, 0, Fcntl.SEEK_DATA)).returns(UNIT);
    assertThatCall(fs.lseek(fd, UNIT, Fcntl.SEEK_HOLE)).returns(2 * UNIT);
    assertThatCall(fs.lseek(fd, 2 * UNIT + 1, Fcntl.SEEK_DATA)).returns(3 * UNIT);
    assertThatCall(fs.lseek(fd, 2 * UNIT + 1, Fcntl.SEEK_HOLE)).returns(2 * UNIT + 1);
    assertThatCall(fs.lseek(fd, 3 * UNIT + 5, Fcntl.SEEK_DATA)).returns(3 * UNIT + 5);
    assertThatCall(fs.lseek(fd, 3 * UNIT, Fcntl.SEEK_HOLE)).returns(4 * UNIT);
    assertFails(fs.lseek(fd, 4 * UNIT, Fcntl.SEEK_DATA), Errno.ENXIO);
    assertThatCall(fs.lseek(fd, 4 * UNIT, Fcntl.SEEK_HOLE)).returns(4 * UNIT);
    assertFails(fs.lseek(fd, 5 * UNIT, Fcntl.SEEK_HOLE), Errno.ENXIO);
  }

  private long fiemap(int fd, long start, long length, int flags, int room) {
    RawMemory.zero(fs.out(), Fiemap.SIZE + (long) MAX_EXTENTS * Fiemap.EXTENT_SIZE);
    RawMemory.putLong(fs.out(), Fiemap.FM_START, start);
    RawMemory.putLong(fs.out(), Fiemap.FM_LENGTH, length);
    RawMemory.putInt(fs.out(), Fiemap.FM_FLAGS, flags);
    RawMemory.putInt(fs.out(), Fiemap.FM_EXTENT_COUNT, room);
    String text = "ioctl(" + fd + ", FIEMAP, " + start + ", " + length + ", " + room + ")";
    return fs.call(text, Nr.IOCTL, fd, FileIoctl.FS_IOC_FIEMAP, fs.out());
  }

  private List<Extent> extents(int fd, long start, long length) {
    assertOk(fiemap(fd, start, length, Fiemap.FIEMAP_FLAG_SYNC, MAX_EXTENTS));
    List<Extent> extents = new ArrayList<>();
    for (int i = 0; i < RawMemory.getInt(fs.out(), Fiemap.FM_MAPPED_EXTENTS); i++) {
      long at = fs.out() + Fiemap.SIZE + (long) i * Fiemap.EXTENT_SIZE;
      extents.add(
          new Extent(
              RawMemory.getLong(at, Fiemap.FE_LOGICAL),
              RawMemory.getLong(at, Fiemap.FE_PHYSICAL),
              RawMemory.getLong(at, Fiemap.FE_LENGTH),
              RawMemory.getInt(at, Fiemap.FE_FLAGS)));
    }
    return extents;
  }

  @Test
  @Needs(FIEMAP)
  void fiemapCoversAFile() {
    Sample sample = sample(40 * PAGE);
    long size = sizeOf(sample);
    int fd = fs.fd(sample.path(), O_RDONLY);
    List<Extent> extents = extents(fd, 0, Long.MAX_VALUE);
    long end = 0;
    for (int i = 0; i < extents.size(); i++) {
      Extent extent = extents.get(i);
      assertThat(extent.logical()).isEqualTo(end);
      assertThat(extent.length()).isPositive();
      end += extent.length();
      assertThat(extent.is(Fiemap.FIEMAP_EXTENT_LAST)).isEqualTo(i == extents.size() - 1);
    }
    assertThat(end).isGreaterThanOrEqualTo(size);
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE, FIEMAP})
  void fiemapLeavesHolesOut() {
    int fd = sparse();
    List<Extent> extents = extents(fd, 0, Long.MAX_VALUE);
    assertThat(extents).noneMatch(each -> each.logical() < UNIT);
    assertThat(extents)
        .noneMatch(each -> each.logical() < 3 * UNIT && each.logical() + each.length() > 2 * UNIT);
    assertThat(extents.stream().mapToLong(Extent::length).sum()).isEqualTo(2 * UNIT);
    assertThat(extents(fd, 2 * UNIT, 100)).isEmpty();
    assertThat(extents(fd, 3 * UNIT, 1)).hasSize(1);
    fs.done(fd);
  }

  @Test
  @Needs(FIEMAP)
  void fiemapCountsExtentsWithoutRoom() {
    Sample sample = sample(40 * PAGE);
    int fd = fs.fd(sample.path(), O_RDONLY);
    int count = extents(fd, 0, Long.MAX_VALUE).size();
    assertOk(fiemap(fd, 0, Long.MAX_VALUE, Fiemap.FIEMAP_FLAG_SYNC, 0));
    assertThat(RawMemory.getInt(fs.out(), Fiemap.FM_MAPPED_EXTENTS)).isEqualTo(count);
    assertFails(fiemap(fd, 0, Long.MAX_VALUE, 1 << 30, 1), Errno.EBADR);
    assertFails(fiemap(fd, 0, 0, 0, 1), Errno.EINVAL);
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE, FIEMAP, FALLOCATE})
  void fiemapMarksReservedSpace() {
    int fd = fs.fd("reserved", O_CREATE);
    assertOk(fs.fallocate(fd, 0, 0, UNIT));
    assertThat(extents(fd, 0, Long.MAX_VALUE))
        .isNotEmpty()
        .allMatch(each -> each.is(Fiemap.FIEMAP_EXTENT_UNWRITTEN));
    fs.store(fd, bytes(UNIT), 0);
    assertThat(extents(fd, 0, Long.MAX_VALUE))
        .isNotEmpty()
        .noneMatch(each -> each.is(Fiemap.FIEMAP_EXTENT_UNWRITTEN));
    fs.done(fd);
  }
}
