// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;

import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.LinuxDirent64;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Timespec;
import io.pollux.userland.FileStatus;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * The calls of a behaviour, with a log of the last ones. A path without a leading slash is below
 * the directory of the machine; each char of it is a byte. Methods with the name of a call return
 * its result. The others expect success.
 */
final class Calls implements AutoCloseable {
  /** Size of the data area, the largest transfer. */
  static final int MAX_DATA = 1 << 20;

  static final int PAGE = 4096;

  private static final int PATH_BYTES = 2 * PAGE;
  private static final int OUT_BYTES = 1 << 16;
  private static final int OUT = 2 * PATH_BYTES;
  private static final int DATA = OUT + OUT_BYTES;
  private static final long BYTES = DATA + MAX_DATA;
  private static final int MAX_LOG = 60;

  private final Machine machine;
  private final String directory;
  private final long memory;
  private final Deque<String> log = new ArrayDeque<>();

  /** One entry of a directory. */
  record Entry(String name, long ino, int type, long next) {}

  Calls(Machine machine, String directory) {
    this.machine = machine;
    this.directory = directory.endsWith("/") ? directory : directory + "/";
    memory = map(BYTES);
  }

  /** Continues the log of earlier calls on another machine. */
  Calls(Machine machine, Calls earlier) {
    this(machine, machine.directory());
    log.addAll(earlier.log);
    note("(another kernel)");
  }

  /** Maps memory of the program. */
  long map(long bytes) {
    int prot = Mman.PROT_READ | Mman.PROT_WRITE;
    int flags = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS;
    long address = machine.syscall(Nr.MMAP, 0, bytes, prot, flags, -1, 0);
    assertThatCall(address).succeeds();
    return address;
  }

  void unmap(long address, long bytes) {
    assertThatCall(machine.syscall(Nr.MUNMAP, address, bytes)).returns(0);
  }

  /** Unmaps the memory of the calls. */
  @Override
  public void close() {
    unmap(memory, BYTES);
  }

  /** Makes a call and logs it. */
  long call(String text, int nr, long... arguments) {
    long result = machine.syscall(nr, arguments);
    note(text + " = " + (result < 0 ? "-" + Errno.name((int) -result) : result));
    return result;
  }

  /** Adds a line to the log. */
  void note(String line) {
    log.addLast(line);
    if (log.size() > MAX_LOG) {
      log.removeFirst();
    }
  }

  /** Returns the log, oldest first. */
  List<String> log() {
    return List.copyOf(log);
  }

  // Memory.

  /** Returns the address of the data area, aligned to a page. */
  long data() {
    return memory + DATA;
  }

  /** Returns the address of the area for results. */
  long out() {
    return memory + OUT;
  }

  /** Copies the start of the data area. */
  byte[] data(long bytes) {
    return bytes(data(), bytes);
  }

  static byte[] bytes(long address, long bytes) {
    return RawMemory.segment(address, bytes).toArray(ValueLayout.JAVA_BYTE);
  }

  static void put(long address, byte[] bytes) {
    RawMemory.segment(address, bytes.length).copyFrom(MemorySegment.ofArray(bytes));
  }

  /** Returns text in the area for results. */
  String out(long bytes) {
    return new String(bytes(out(), bytes), StandardCharsets.ISO_8859_1);
  }

  private String full(String name) {
    return name.startsWith("/") ? name : directory + name;
  }

  private long path(int slot, String name) {
    return text(slot, full(name));
  }

  /** Stores a text without prefix into one of two places. */
  long text(int slot, String text) {
    byte[] bytes = (text + "\0").getBytes(StandardCharsets.ISO_8859_1);
    long at = memory + (long) slot * PATH_BYTES;
    put(at, bytes);
    return at;
  }

  private static String show(String name) {
    String shown = name.length() > 40 ? name.substring(0, 16) + "... " + name.length() : name;
    StringBuilder text = new StringBuilder();
    shown.chars().forEach(c -> text.append(c < ' ' || c > '~' ? '?' : (char) c));
    return "\"" + text + "\"";
  }

  // Names.

  long open(String name, int flags) {
    return open(name, flags, 0644);
  }

  long open(String name, int flags, int mode) {
    String text = String.format("open(%s, 0%o, 0%o)", show(name), flags, mode);
    return call(text, Nr.OPEN, path(0, name), flags, mode);
  }

  long close(long fd) {
    return call("close(" + fd + ")", Nr.CLOSE, fd);
  }

  long unlink(String name) {
    return call("unlink(" + show(name) + ")", Nr.UNLINK, path(0, name));
  }

  long mkdir(String name, int mode) {
    return call("mkdir(" + show(name) + ")", Nr.MKDIR, path(0, name), mode);
  }

  long rmdir(String name) {
    return call("rmdir(" + show(name) + ")", Nr.RMDIR, path(0, name));
  }

  long rename(String from, String to) {
    String text = "rename(" + show(from) + ", " + show(to) + ")";
    return call(text, Nr.RENAME, path(0, from), path(1, to));
  }

  long renameat2(String from, String to, int flags) {
    String text = "renameat2(" + show(from) + ", " + show(to) + ", " + flags + ")";
    int cwd = Fcntl.AT_FDCWD;
    return call(text, Nr.RENAMEAT2, cwd, path(0, from), cwd, path(1, to), flags);
  }

  long link(String from, String to) {
    String text = "link(" + show(from) + ", " + show(to) + ")";
    return call(text, Nr.LINK, path(0, from), path(1, to));
  }

  long symlink(String target, String name) {
    String text = "symlink(" + show(target) + ", " + show(name) + ")";
    return call(text, Nr.SYMLINK, text(0, target), path(1, name));
  }

  /** Reads a link into the area for results. */
  long readlink(String name, int size) {
    String text = "readlink(" + show(name) + ", " + size + ")";
    return call(text, Nr.READLINK, path(0, name), out(), size);
  }

  long mknod(String name, int mode, long dev) {
    String text = String.format("mknod(%s, 0%o, %d)", show(name), mode, dev);
    return call(text, Nr.MKNOD, path(0, name), mode, dev);
  }

  /** Stores the status of a file into the area for results. */
  long stat(String name) {
    return call("stat(" + show(name) + ")", Nr.STAT, path(0, name), out());
  }

  FileStatus status(String name) {
    assertThatCall(stat(name)).returns(0);
    return FileStatus.read(out());
  }

  FileStatus linkStatus(String name) {
    long result = call("lstat(" + show(name) + ")", Nr.LSTAT, path(0, name), out());
    assertThatCall(result).returns(0);
    return FileStatus.read(out());
  }

  FileStatus status(int fd) {
    assertThatCall(call("fstat(" + fd + ")", Nr.FSTAT, fd, out())).returns(0);
    return FileStatus.read(out());
  }

  boolean exists(String name) {
    return stat(name) == 0;
  }

  long truncate(String name, long bytes) {
    String text = "truncate(" + show(name) + ", " + bytes + ")";
    return call(text, Nr.TRUNCATE, path(0, name), bytes);
  }

  long chmod(String name, int mode) {
    String text = String.format("chmod(%s, 0%o)", show(name), mode);
    return call(text, Nr.CHMOD, path(0, name), mode);
  }

  long chown(String name, int uid, int gid) {
    String text = "chown(" + show(name) + ", " + uid + ", " + gid + ")";
    return call(text, Nr.CHOWN, path(0, name), uid, gid);
  }

  /** Sets times: seconds and nanoseconds of the access, then of the modification. */
  long utimens(String name, long... times) {
    for (int i = 0; i < 2; i++) {
      Timespec.tvSec(out() + i * Timespec.SIZE, times[2 * i]);
      Timespec.tvNsec(out() + i * Timespec.SIZE, times[2 * i + 1]);
    }
    String text = "utimensat(" + show(name) + ")";
    return call(text, Nr.UTIMENSAT, Fcntl.AT_FDCWD, path(0, name), out(), 0);
  }

  /** Stores a struct statfs into the area for results. */
  long statfs(String name) {
    RawMemory.zero(out(), 256);
    return call("statfs(" + show(name) + ")", Nr.STATFS, path(0, name), out());
  }

  /** Makes a call with a path as its first argument. */
  long onPath(String what, int nr, String name, long... more) {
    long[] all = new long[more.length + 1];
    all[0] = path(0, name);
    System.arraycopy(more, 0, all, 1, more.length);
    return call(what + "(" + show(name) + ")", nr, all);
  }

  // Files.

  long pread(long fd, long bytes, long pos) {
    return preadAt(fd, data(), bytes, pos);
  }

  long preadAt(long fd, long address, long bytes, long pos) {
    String text = "pread64(" + fd + ", " + bytes + " bytes, " + pos + ")";
    return call(text, Nr.PREAD64, fd, address, bytes, pos);
  }

  long read(long fd, long bytes) {
    return call("read(" + fd + ", " + bytes + " bytes)", Nr.READ, fd, data(), bytes);
  }

  long pwrite(long fd, byte[] bytes, long pos) {
    put(data(), bytes);
    return pwriteAt(fd, data(), bytes.length, pos);
  }

  long pwriteAt(long fd, long address, long bytes, long pos) {
    String text = "pwrite64(" + fd + ", " + bytes + " bytes, " + pos + ")";
    return call(text, Nr.PWRITE64, fd, address, bytes, pos);
  }

  long write(long fd, byte[] bytes) {
    put(data(), bytes);
    String text = "write(" + fd + ", " + bytes.length + " bytes)";
    return call(text, Nr.WRITE, fd, data(), bytes.length);
  }

  /** Makes preadv2 or pwritev2 over parts of the data area, which follow each other there. */
  long vector(int nr, long fd, long pos, int flags, int... lengths) {
    long base = data();
    for (int i = 0; i < lengths.length; i++) {
      Iovec.iovBase(out() + i * Iovec.SIZE, base);
      Iovec.iovLen(out() + i * Iovec.SIZE, lengths[i]);
      base += lengths[i];
    }
    String what = nr == Nr.PREADV2 ? "preadv2(" : "pwritev2(";
    String text = what + fd + ", " + (base - data()) + " bytes, " + pos + ", " + flags + ")";
    return call(text, nr, fd, out(), lengths.length, pos, 0, flags);
  }

  long lseek(long fd, long offset, int whence) {
    String text = "lseek(" + fd + ", " + offset + ", " + whence + ")";
    return call(text, Nr.LSEEK, fd, offset, whence);
  }

  long ftruncate(long fd, long bytes) {
    return call("ftruncate(" + fd + ", " + bytes + ")", Nr.FTRUNCATE, fd, bytes);
  }

  long fallocate(long fd, int mode, long offset, long bytes) {
    String text = "fallocate(" + fd + ", " + mode + ", " + offset + ", " + bytes + ")";
    return call(text, Nr.FALLOCATE, fd, mode, offset, bytes);
  }

  long fsync(long fd) {
    return call("fsync(" + fd + ")", Nr.FSYNC, fd);
  }

  long sync() {
    return call("sync()", Nr.SYNC);
  }

  // Several calls.

  /** Opens a file, which must succeed. */
  int fd(String name, int flags) {
    long result = open(name, flags);
    assertThatCall(result).as("open of " + show(name)).succeeds();
    return (int) result;
  }

  void done(long fd) {
    assertThatCall(close(fd)).returns(0);
  }

  /** Creates a file with content. */
  void create(String name, byte[] content) {
    int fd = fd(name, Fcntl.O_WRONLY | Fcntl.O_CREAT | Fcntl.O_EXCL);
    store(fd, content, 0);
    done(fd);
  }

  /** Writes all bytes. */
  void store(long fd, byte[] bytes, long pos) {
    for (int at = 0; at < bytes.length; at += MAX_DATA) {
      byte[] part =
          bytes.length <= MAX_DATA
              ? bytes
              : java.util.Arrays.copyOfRange(bytes, at, Math.min(bytes.length, at + MAX_DATA));
      assertThatCall(pwrite(fd, part, pos + at)).returns(part.length);
    }
  }

  /** Reads at a position with one call. Returns the bytes read. */
  byte[] load(long fd, long pos, int bytes) {
    long got = pread(fd, bytes, pos);
    assertThatCall(got).succeeds();
    return data(got);
  }

  /** Reads a file to its end. */
  byte[] contents(String name) {
    int fd = fd(name, Fcntl.O_RDONLY);
    byte[] all = rest(fd);
    done(fd);
    return all;
  }

  private byte[] rest(long fd) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (long pos = 0; ; pos = all.size()) { // ends at the end of the file
      byte[] part = load(fd, pos, MAX_DATA);
      if (part.length == 0) {
        return all.toByteArray();
      }
      all.writeBytes(part);
    }
  }

  long getdents(long fd, int bytes) {
    String text = "getdents64(" + fd + ", " + bytes + ")";
    return call(text, Nr.GETDENTS64, fd, out(), bytes);
  }

  /** Reads entries with one call; none at the end of the directory. */
  List<Entry> entries(long fd, int bytes) {
    long length = getdents(fd, bytes);
    assertThatCall(length).succeeds();
    List<Entry> entries = new ArrayList<>();
    long end = out() + length;
    for (long at = out(); at < end; at += LinuxDirent64.dReclen(at) & 0xffff) {
      long name = at + LinuxDirent64.SIZE;
      int count = 0;
      while (RawMemory.getByte(name + count) != 0) {
        count++;
      }
      entries.add(
          new Entry(
              new String(bytes(name, count), StandardCharsets.ISO_8859_1),
              LinuxDirent64.dIno(at),
              LinuxDirent64.dType(at),
              LinuxDirent64.dOff(at)));
    }
    return entries;
  }

  /** Reads entries from the position of a directory to its end. */
  List<Entry> allEntries(long fd, int bytes) {
    List<Entry> all = new ArrayList<>();
    List<Entry> some = entries(fd, bytes);
    while (!some.isEmpty()) {
      all.addAll(some);
      some = entries(fd, bytes);
    }
    return all;
  }

  /** Lists a directory. */
  List<Entry> list(String name) {
    int fd = fd(name, Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
    List<Entry> all = allEntries(fd, OUT_BYTES);
    done(fd);
    return all;
  }

  /** Lists the names of a directory, without dots, sorted. */
  List<String> names(String directoryName) {
    return list(directoryName).stream()
        .map(Entry::name)
        .filter(name -> !name.equals(".") && !name.equals(".."))
        .sorted()
        .toList();
  }
}
