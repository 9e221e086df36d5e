// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.sample.SampleImage;
import io.pollux.syscalls.Program;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.StatMode;
import io.pollux.userland.DirEntry;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The sample in memory, and all that can be read in it while it is whole: what lstat says of each
 * name, where links point, the names in each directory, the bytes of each file, and which bytes of
 * the disk are which bytes of which file. After the disk was spoiled, {@link #check} tells whether
 * all that is still right or answers an error.
 *
 * <p>XFS has sums of its metadata, and none of its files' data. So what was spoiled in the data of
 * a file must be read as it was spoiled: {@link #poke} changes the bytes that are expected along
 * with those on the disk.
 */
final class GoldenSample implements AutoCloseable {
  /** The largest file that is read from end to end; more only for far.dat. */
  private static final long WHOLE = 64 << 20;

  private static final int PIECE = 1 << 20;
  private static final int SECTOR = 512;

  /** A file, and where its bytes stand. */
  private record Content(PathName path, MemorySegment bytes) {}

  /** A sector of a file. */
  private record Place(Content content, long offset) {}

  private final Arena arena = Arena.ofShared();
  private final RamDisk disk = SampleImage.load();
  private final Map<PathName, FileStatus> names = new LinkedHashMap<>();
  private final Map<PathName, PathName> links = new LinkedHashMap<>();
  private final Map<PathName, List<DirEntry>> directories = new LinkedHashMap<>();
  private final List<Content> contents = new ArrayList<>();
  private final Map<Long, List<Place>> places = new HashMap<>(); // by sector of the disk
  // as it was read: start and length
  private final NavigableMap<Long, Integer> metadata = new TreeMap<>();

  /** Reads it all, and makes sure that it is what Linux reads. */
  GoldenSample() throws IOException, ErrnoException {
    LinuxView linux = LinuxView.read(Repository.sample());
    Recorder recorder = new Recorder();
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("ram0", TestDisk.driven(new ObservedDisk(disk, recorder), disk.bytes()));
      kernel.mount("mnt", "ram0");
      Program program = kernel.newProgram();
      try (UserFiles files = new UserFiles(program);
          UserMemory memory = UserMemory.map(program, PIECE)) {
        Set<Long> read = new HashSet<>();
        for (PathName path : linux.names().keySet()) {
          PathName at = ImageReader.ROOT.resolve(path);
          FileStatus status = files.lstat(at);
          names.put(at, status);
          if (status.is(StatMode.S_IFLNK)) {
            links.put(at, files.readlink(at));
          } else if (status.is(StatMode.S_IFDIR)) {
            directories.put(at, list(files, at));
          } else if (status.is(StatMode.S_IFREG)
              && status.size() <= WHOLE
              && read.add(status.ino())) {
            Content content =
                new Content(
                    at, arena.allocate(Math.max(1, status.size())).asSlice(0, status.size()));
            recorder.content = content;
            recorder.buffer = memory.address();
            load(files, memory, content, recorder);
            recorder.content = null;
            contents.add(content);
            String sum = linux.sums().get(path);
            assertThat(FileRead.BUFFERED.sum(program, files, at))
                .as(path.toString())
                .isEqualTo(sum);
          }
        }
      }
    }
  }

  private static List<DirEntry> list(UserFiles files, PathName path) {
    int fd = files.open(path, Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
    try {
      return files.readDirectory(fd);
    } finally {
      files.close(fd);
    }
  }

  private static void load(UserFiles files, UserMemory memory, Content content, Recorder recorder) {
    int fd = files.open(content.path, Fcntl.O_RDONLY | Fcntl.O_DIRECT);
    try {
      long size = content.bytes.byteSize();
      for (long at = 0; at < size; at += PIECE) {
        recorder.offset = at;
        long got = files.pread(fd, memory.address(), PIECE, at);
        assertThat(got).isEqualTo(Math.min(PIECE, size - at));
        MemorySegment.copy(memory.segment(), 0, content.bytes, at, got);
      }
    } finally {
      files.close(fd);
    }
  }

  /** Learns which sector of the disk is which of a file, from where direct I/O puts it. */
  private final class Recorder implements ObservedDisk.Observer {
    private @Nullable Content content;
    private long buffer;
    private long offset;

    @Override
    public void read(long at, long address, int bytes, boolean isMetadata) {
      Content reading = content;
      if (isMetadata) {
        metadata.merge(at, bytes, Math::max);
      } else if (reading != null) {
        for (int i = 0; i < bytes; i += SECTOR) {
          places
              .computeIfAbsent((at + i) / SECTOR, ignored -> new ArrayList<>())
              .add(new Place(reading, offset + address - buffer + i));
        }
      }
    }
  }

  RamDisk disk() {
    return disk;
  }

  /**
   * Stretches of the disk that hold metadata, one for each structure that has a sum of its own, or
   * a few of them.
   */
  NavigableMap<Long, Integer> metadata() {
    return metadata;
  }

  /** Whether bytes of a file are there. */
  boolean hasData(long at) {
    return places.containsKey(at / SECTOR);
  }

  /**
   * Puts bytes on the disk, and, where the data of files is there, into what is expected of these
   * files.
   */
  void poke(long at, byte[] bytes) {
    for (int i = 0; i < bytes.length; i++) {
      RawMemory.putByte(disk.address() + at + i, bytes[i]);
      for (Place place : places.getOrDefault((at + i) / SECTOR, List.of())) {
        long offset = place.offset + (at + i) % SECTOR;
        if (offset < place.content.bytes.byteSize()) {
          place.content.bytes.set(ValueLayout.JAVA_BYTE, offset, bytes[i]);
        }
      }
    }
  }

  byte[] peek(long at, int length) {
    return RawMemory.segment(disk.address() + at, length).toArray(ValueLayout.JAVA_BYTE);
  }

  /**
   * Reads everything again, with a program of a kernel that has the disk mounted at /mnt. Answers
   * how many errors there were.
   */
  int check(Program program, Set<Integer> goodErrors) {
    int errors = 0;
    try (UserFiles files = new UserFiles(program);
        UserMemory memory = UserMemory.map(program, PIECE)) {
      for (Map.Entry<PathName, FileStatus> name : names.entrySet()) {
        errors +=
            same(name.getKey(), () -> files.lstat(name.getKey()), name.getValue(), goodErrors);
      }
      for (Map.Entry<PathName, PathName> link : links.entrySet()) {
        errors +=
            same(link.getKey(), () -> files.readlink(link.getKey()), link.getValue(), goodErrors);
      }
      for (Map.Entry<PathName, List<DirEntry>> directory : directories.entrySet()) {
        errors +=
            same(
                directory.getKey(),
                () -> list(files, directory.getKey()),
                directory.getValue(),
                goodErrors);
      }
      for (Content content : contents) {
        errors += same(content.path, () -> wrongByte(files, memory, content), -1L, goodErrors);
      }
    }
    return errors;
  }

  /** Answers 1 for an error; fails if there is neither an error nor what is expected. */
  private static <T> int same(
      PathName path, Supplier<T> reading, T wanted, Set<Integer> goodErrors) {
    try {
      T got = reading.get();
      if (!wanted.equals(got)) {
        assertThat(got).as("%s", path).isEqualTo(wanted);
      }
      return 0;
    } catch (SyscallException e) {
      assertThat(goodErrors).as("%s: %s", path, e.getMessage()).contains(e.errno());
      return 1;
    }
  }

  /** Reads a file; answers where it differs from what is expected, -1 for nowhere. */
  private static long wrongByte(UserFiles files, UserMemory memory, Content content) {
    int fd = files.open(content.path, Fcntl.O_RDONLY | Fcntl.O_DIRECT);
    try {
      long at = 0;
      while (true) {
        long got = files.pread(fd, memory.address(), PIECE, at);
        long end = Math.min(at + got, content.bytes.byteSize());
        long wrong = MemorySegment.mismatch(memory.segment(), 0, got, content.bytes, at, end);
        if (wrong >= 0) {
          return at + wrong;
        }
        at += got;
        if (got == 0 || at % SECTOR != 0) {
          return at == content.bytes.byteSize() ? -1 : at;
        }
      }
    } finally {
      files.close(fd);
    }
  }

  @Override
  public void close() {
    disk.close();
    arena.close();
  }
}
