// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.DirContext;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.Namei;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A mounted image with its own process, for tests. */
final class MountedImage implements AutoCloseable {
  static final int BUFFER_BYTES = 1 << 20;
  static final String READ_WRITE = "rw";

  /** An entry that readdir returned. */
  record Entry(String name, long ino, int type, long next) {}

  final UserProcess process = new UserProcess();
  final Task current = process.newTask();
  final long buffer;
  final BlockDevice bdev;
  final Gfs2Sbd sdp;
  final Namei namei;

  MountedImage(TinyImage image, String options, LmLockops lm) throws ErrnoException {
    this(image.ram.disk("tiny", 0x800, options.startsWith("ro")), options, lm);
  }

  MountedImage(BlockDevice bdev, String options, LmLockops lm) throws ErrnoException {
    this.bdev = bdev;
    current.enterKernel();
    buffer = process.mm().mmap(BUFFER_BYTES, Mman.PROT_READ | Mman.PROT_WRITE);
    try {
      Options words = Options.parse(options);
      sdp = Gfs2Sbd.mount(current, bdev, words.readOnly(false), words, lm);
    } catch (ErrnoException e) {
      leave();
      throw e;
    }
    namei = new Namei(sdp.root(), new FileTable());
  }

  @Override
  public void close() {
    try {
      sdp.unmount(current);
    } catch (ErrnoException e) {
      throw new AssertionError("the unmount", e);
    } finally {
      leave();
    }
  }

  private void leave() {
    current.leaveKernel();
    process.exit();
    bdev.pageCache().drop();
  }

  Gfs2Inode find(String path) throws ErrnoException {
    return (Gfs2Inode)
        namei.lookup(current, null, path.getBytes(StandardCharsets.ISO_8859_1), false).inode();
  }

  File open(String path, int flags) throws ErrnoException {
    return namei.open(current, null, path.getBytes(StandardCharsets.ISO_8859_1), flags, 0);
  }

  Kiocb request(File file) {
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    return iocb;
  }

  /** Reads into the buffer. Returns readIter's result. */
  long read(Kiocb iocb, long pos, long bytes) {
    IovecIter iter = new IovecIter();
    if (iter.importSingleRange(process.mm(), true, buffer, bytes) != 0) {
      throw new AssertionError("a buffer of our own");
    }
    iocb.kiPos = pos;
    return iocb.file().op().readIter(current, iocb, iter);
  }

  /** Writes from the buffer. Returns writeIter's result. */
  long write(Kiocb iocb, long pos, long bytes) {
    IovecIter iter = new IovecIter();
    if (iter.importSingleRange(process.mm(), false, buffer, bytes) != 0) {
      throw new AssertionError("a buffer of our own");
    }
    iocb.kiPos = pos;
    iocb.kiFlags |= Kiocb.IOCB_WRITE;
    return iocb.file().op().writeIter(current, iocb, iter);
  }

  /** The big-endian number at a place of the buffer. */
  int intAt(int at) {
    return Integer.reverseBytes(RawMemory.getInt(buffer + at));
  }

  /** Lists a directory, restarting after every atOnce entries. */
  List<Entry> list(String path, int atOnce) throws ErrnoException {
    File file = open(path, Fcntl.O_DIRECTORY);
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
}
