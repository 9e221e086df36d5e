// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.Dentry;
import io.pollux.core.vfs.DirContext;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * A mounted image as a test looks at it: paths to sums, directories to manifest lines. Names are
 * strings of one char a byte (ISO 8859-1), so that every name survives.
 */
final class MountedTree implements AutoCloseable {
  private static final int BUFFER_BYTES = 1 << 20;

  /** An entry that readdir returned. */
  record Entry(String name, long ino, int type, long next) {}

  final Task current;
  final SuperBlock sb;
  final Namei namei;
  private final UserProcess process = new UserProcess();
  private final long buffer;
  private final long stat;

  MountedTree(BlockDevice bdev, String options) throws ErrnoException {
    current = process.newTask();
    current.enterKernel();
    buffer = process.mm().mmap(BUFFER_BYTES, Mman.PROT_READ | Mman.PROT_WRITE);
    stat = process.mm().mmap(4096, Mman.PROT_READ | Mman.PROT_WRITE);
    try {
      Options words = Options.parse(options);
      sb = new XfsFileSystem().mount(current, bdev, words.readOnly(false), words);
    } catch (ErrnoException e) {
      leave();
      throw e;
    }
    namei = new Namei(sb.root(), new FileTable());
  }

  @Override
  public void close() throws ErrnoException {
    sb.unmount(current);
    leave();
  }

  /** Creates another task of the process, for another thread. */
  Task newTask() {
    return process.newTask();
  }

  private void leave() {
    current.leaveKernel();
    process.exit();
  }

  static byte[] bytes(String name) {
    return name.getBytes(StandardCharsets.ISO_8859_1);
  }

  Dentry find(String path) throws ErrnoException {
    return namei.lookup(current, null, bytes(path), false);
  }

  /** Lists a directory, restarting after every atOnce entries. */
  List<Entry> list(String path, int atOnce) throws ErrnoException {
    File file = namei.open(current, null, bytes(path), Fcntl.O_DIRECTORY, 0);
    List<Entry> entries = new ArrayList<>();
    try {
      long pos = 0;
      while (true) {
        int before = entries.size();
        Collector collector = new Collector(pos, entries, before + atOnce);
        int result = file.op().iterateShared(current, file, collector);
        if (result != 0) {
          throw new ErrnoException(-result);
        }
        if (entries.size() == before) {
          return entries;
        }
        pos = collector.pos();
      }
    } finally {
      file.fput();
    }
  }

  private static final class Collector extends DirContext {
    private final List<Entry> entries;
    private final int limit;

    Collector(long pos, List<Entry> entries, int limit) {
      super(pos);
      this.entries = entries;
      this.limit = limit;
    }

    @Override
    protected boolean actor(byte[] name, long ino, int type, long next) {
      if (entries.size() == limit) {
        return false;
      }
      entries.add(new Entry(new String(name, StandardCharsets.ISO_8859_1), ino, type, next));
      return true;
    }
  }

  /** Sum of a range of a file, and how many bytes there were. */
  String sum(String path, boolean direct, long from, long length) throws ErrnoException {
    MessageDigest digest = sha256();
    read(path, direct, from, length, digest);
    return HexFormat.of().formatHex(digest.digest());
  }

  long read(String path, boolean direct, long from, long length, MessageDigest digest)
      throws ErrnoException {
    File file = namei.open(current, null, bytes(path), direct ? Fcntl.O_DIRECT : 0, 0);
    try {
      Kiocb iocb = new Kiocb();
      IovecIter iter = new IovecIter();
      long done = 0;
      while (done < length) {
        iocb.init(file, null);
        iocb.kiPos = from + done;
        iter.importSingleRange(process.mm(), true, buffer, Math.min(length - done, BUFFER_BYTES));
        long result = file.op().readIter(current, iocb, iter);
        if (result < 0) {
          throw new ErrnoException((int) -result);
        }
        if (result == 0) {
          break;
        }
        digest.update(RawMemory.segment(buffer, result).asByteBuffer());
        done += result;
      }
      return done;
    } finally {
      file.fput();
    }
  }

  /** All bytes of a file, read through the page cache. */
  byte[] contents(String path) throws ErrnoException {
    int size = Math.toIntExact(find(path).inode().size());
    byte[] contents = new byte[size];
    int[] done = new int[1];
    MessageDigest collects =
        new MessageDigest("none") {
          @Override
          protected void engineUpdate(byte input) {
            contents[done[0]++] = input;
          }

          @Override
          protected void engineUpdate(byte[] input, int offset, int length) {
            System.arraycopy(input, offset, contents, done[0], length);
            done[0] += length;
          }

          @Override
          protected byte[] engineDigest() {
            return contents;
          }

          @Override
          protected void engineReset() {
            done[0] = 0;
          }
        };
    assertThat(read(path, false, 0, size, collects)).as("bytes of " + path).isEqualTo(size);
    return contents;
  }

  /** Writes equal bytes. Returns what the call returns. */
  long write(File file, long pos, int bytes, int value) {
    int room = bytes + HostMemory.PAGE_SIZE - 1 & -HostMemory.PAGE_SIZE;
    long memory = process.mm().mmap(room, Mman.PROT_READ | Mman.PROT_WRITE);
    RawMemory.segment(memory, bytes).fill((byte) value);
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), false, memory, bytes)).isZero();
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiFlags |= Kiocb.IOCB_WRITE;
    iocb.kiPos = pos;
    return file.op().writeIter(current, iocb, iter);
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has it", e);
    }
  }

  /** One line of a manifest, as the script that makes the images writes it. */
  String describe(String path, Inode inode) throws ErrnoException {
    MemorySegment cleared = RawMemory.segment(stat, Stat.SIZE);
    cleared.fill((byte) 0);
    inode.fillStat(current, stat);
    int type = inode.mode() & StatMode.S_IFMT;
    boolean device = type == StatMode.S_IFCHR || type == StatMode.S_IFBLK;
    long rdev = Stat.stRdev(stat);
    String number =
        device ? (rdev >> 8 & 0xfff) + ":" + ((rdev & 0xff) | (rdev >> 12 & ~0xffL)) : "-";
    String target =
        type == StatMode.S_IFLNK
            ? escape(new String(inode.readlink(current), StandardCharsets.ISO_8859_1))
            : "";
    return String.join(
        "\t",
        letter(type),
        String.format("%04o", Stat.stMode(stat) & 07777),
        Integer.toUnsignedString(Stat.stUid(stat)),
        Integer.toUnsignedString(Stat.stGid(stat)),
        Long.toString(Stat.stNlink(stat)),
        Long.toString(Stat.stSize(stat)),
        Long.toString(Stat.stBlocks(stat)),
        Long.toString(Stat.stMtime(stat)),
        Long.toString(Stat.stMtimeNsec(stat)),
        Long.toString(Stat.stIno(stat)),
        number,
        escape(path),
        target);
  }

  private static String letter(int type) {
    return switch (type) {
      case StatMode.S_IFREG -> "f";
      case StatMode.S_IFDIR -> "d";
      case StatMode.S_IFLNK -> "l";
      case StatMode.S_IFIFO -> "p";
      case StatMode.S_IFSOCK -> "s";
      case StatMode.S_IFCHR -> "c";
      case StatMode.S_IFBLK -> "b";
      default -> "?";
    };
  }

  private static String escape(String raw) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < raw.length(); i++) {
      char c = raw.charAt(i);
      if (c < 32 || c == 127 || c == '%') {
        text.append(String.format("%%%02X", (int) c));
      } else {
        text.append(c);
      }
    }
    return text.toString();
  }

  /**
   * Everything there is, by readdir and by lookup of each name.
   *
   * @param problems where to tell what could not be read
   */
  List<String> manifest(List<String> problems) throws ErrnoException {
    List<String> lines = new ArrayList<>();
    lines.add(describe("/", sb.root()));
    walk("", lines, problems, 0);
    return lines;
  }

  private void walk(String path, List<String> lines, List<String> problems, int depth)
      throws ErrnoException {
    if (depth > 200) {
      throw new ErrnoException(Errno.ELOOP, "deeper than any tree of ours: " + path.length());
    }
    List<Entry> entries;
    try {
      entries = list(path.isEmpty() ? "/" : path, 100);
    } catch (ErrnoException e) {
      problems.add(path + "/: " + e.getMessage());
      return;
    }
    for (Entry entry : entries) {
      if (entry.name().equals(".") || entry.name().equals("..")) {
        continue;
      }
      String child = path + "/" + entry.name();
      try {
        Inode inode = find(child).inode();
        if (inode.ino() != entry.ino() || (inode.mode() & StatMode.S_IFMT) >> 12 != entry.type()) {
          problems.add(child + ": readdir and lookup differ");
        }
        lines.add(describe(child, inode));
        if (inode.isType(StatMode.S_IFDIR)) {
          walk(child, lines, problems, depth + 1);
        }
      } catch (ErrnoException e) {
        problems.add(child + ": " + e.getMessage());
      }
    }
  }
}
