// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.syscalls.Program;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxDirent64;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.StatMode;
import io.pollux.userland.DirEntry;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Reads an image that is mounted at /mnt through system calls, and holds it against what Linux says
 * of it.
 */
final class ImageReader implements AutoCloseable {
  static final PathName ROOT = PathName.of("/mnt");

  private static final Comparator<DirEntry> BY_NAME =
      Comparator.comparing(DirEntry::name).thenComparing(DirEntry::ino);

  private final Program program;
  private final UserFiles files;
  private final LinuxView linux;

  ImageReader(Program program, LinuxView linux) {
    this.program = program;
    this.files = new UserFiles(program);
    this.linux = linux;
  }

  @Override
  public void close() {
    files.close();
  }

  /**
   * Each name that Linux has is here as Linux has it: what lstat says, and where symlinks point.
   */
  void checkStatus() {
    Map<PathName, LinuxView.Name> here = new LinkedHashMap<>();
    for (PathName path : linux.names().keySet()) {
      here.put(path, status(path));
    }
    assertThat(here).isEqualTo(linux.names());
  }

  private LinuxView.Name status(PathName path) {
    PathName at = ROOT.resolve(path);
    FileStatus status = files.lstat(at);
    boolean device = status.is(StatMode.S_IFCHR) || status.is(StatMode.S_IFBLK);
    long rdev = status.rdev();
    return new LinuxView.Name(
        letter(status),
        status.mode() & 07777,
        Integer.toUnsignedLong(status.uid()),
        Integer.toUnsignedLong(status.gid()),
        status.nlink(),
        status.size(),
        status.blocks(),
        status.mtime().seconds(),
        status.mtime().nanos(),
        status.ino(),
        device ? ((rdev >> 8) & 0xfff) + ":" + ((rdev & 0xff) | ((rdev >> 12) & ~0xffL)) : "-",
        status.is(StatMode.S_IFLNK) ? files.readlink(at) : PathName.of(""));
  }

  private static String letter(FileStatus status) {
    return switch (status.mode() & StatMode.S_IFMT) {
      case StatMode.S_IFREG -> "f";
      case StatMode.S_IFDIR -> "d";
      case StatMode.S_IFLNK -> "l";
      case StatMode.S_IFIFO -> "p";
      case StatMode.S_IFSOCK -> "s";
      case StatMode.S_IFCHR -> "c";
      case StatMode.S_IFBLK -> "b";
      default -> "mode " + Integer.toOctalString(status.mode());
    };
  }

  private static int direntType(String letter) {
    return switch (letter) {
      case "f" -> StatMode.DT_REG;
      case "d" -> StatMode.DT_DIR;
      case "l" -> StatMode.DT_LNK;
      case "p" -> StatMode.DT_FIFO;
      case "s" -> StatMode.DT_SOCK;
      case "c" -> StatMode.DT_CHR;
      case "b" -> StatMode.DT_BLK;
      default -> throw new AssertionError(letter);
    };
  }

  /**
   * Each directory has just the names that Linux sees in it, each once, with its inode and its
   * type, however much room getdents64 gets at a time.
   */
  void checkDirectories(int room) {
    Map<PathName, List<DirEntry>> wanted = new TreeMap<>();
    linux.names().forEach((path, name) -> addEntry(wanted, path, name));
    for (Map.Entry<PathName, List<DirEntry>> directory : wanted.entrySet()) {
      List<DirEntry> here = list(ROOT.resolve(directory.getKey()), room);
      here.sort(BY_NAME);
      directory.getValue().sort(BY_NAME);
      assertThat(here).as("names in %s", directory.getKey()).isEqualTo(directory.getValue());
    }
  }

  private void addEntry(Map<PathName, List<DirEntry>> wanted, PathName path, LinuxView.Name name) {
    PathName parent = parentOf(path);
    if (!path.equals(parent)) {
      wanted
          .computeIfAbsent(parent, ignored -> new ArrayList<>())
          .add(new DirEntry(path.fileName(), name.ino(), direntType(name.type())));
    }
    if (name.type().equals("d")) {
      List<DirEntry> own = wanted.computeIfAbsent(path, ignored -> new ArrayList<>());
      LinuxView.Name above = linux.names().get(parent);
      assertThat(above).as("the directory above %s", path).isNotNull();
      own.add(new DirEntry(PathName.of("."), name.ino(), StatMode.DT_DIR));
      own.add(new DirEntry(PathName.of(".."), above.ino(), StatMode.DT_DIR));
    }
  }

  private static PathName parentOf(PathName path) {
    byte[] bytes = path.bytes();
    int end = bytes.length;
    while (end > 1 && bytes[end - 1] != '/') {
      end--;
    }
    return PathName.of(Arrays.copyOf(bytes, Math.max(1, end - 1)));
  }

  /** The names in a directory, so many bytes at a time. */
  List<DirEntry> list(PathName directory, int room) {
    List<DirEntry> entries = new ArrayList<>();
    int fd = files.open(directory, Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
    try (UserMemory memory = UserMemory.map(program, room)) {
      long got = 1;
      while (got > 0) {
        got = program.syscall(Nr.GETDENTS64, fd, memory.address(), room);
        assertThatCall(got).succeeds();
        for (long at = 0; at < got; at += LinuxDirent64.dReclen(memory.address() + at) & 0xffff) {
          entries.add(entry(memory.address() + at));
        }
      }
    } finally {
      files.close(fd);
    }
    return entries;
  }

  private static DirEntry entry(long at) {
    int length = 0;
    while (RawMemory.getByte(at + LinuxDirent64.SIZE + length) != 0) {
      length++;
    }
    byte[] name = RawMemory.segment(at + LinuxDirent64.SIZE, length).toArray(ValueLayout.JAVA_BYTE);
    return new DirEntry(PathName.of(name), LinuxDirent64.dIno(at), LinuxDirent64.dType(at));
  }

  /** Each file reads as Linux reads it. */
  void checkSums(FileRead how) {
    Map<PathName, String> here = new LinkedHashMap<>();
    for (PathName path : linux.sums().keySet()) {
      here.put(path, how.sum(program, files, ROOT.resolve(path)));
    }
    assertThat(here).as("sums, read %s", how).isEqualTo(linux.sums());
  }

  /** Ranges of files that are too long to be read from end to end. */
  void checkProbes() {
    List<LinuxView.Probe> here = new ArrayList<>();
    try (UserMemory memory = UserMemory.map(program, 1 << 20)) {
      for (LinuxView.Probe probe : linux.probes()) {
        int fd = files.open(ROOT.resolve(probe.path()), Fcntl.O_RDONLY);
        long got = files.pread(fd, memory.address(), probe.wanted(), probe.offset());
        files.close(fd);
        byte[] sum =
            FileRead.sha256()
                .digest(memory.segment().asSlice(0, got).toArray(ValueLayout.JAVA_BYTE));
        here.add(
            new LinuxView.Probe(
                probe.path(), probe.offset(), probe.wanted(), got, HexFormat.of().formatHex(sum)));
      }
    }
    assertThat(here).isEqualTo(linux.probes());
  }
}
