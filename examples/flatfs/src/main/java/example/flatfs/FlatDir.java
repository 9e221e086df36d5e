// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.DirContext;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ConcurrentSkipListMap;

/** The directory: the names of the inodes. The caller of each change holds iRwsem. */
final class FlatDir extends Inode implements FileOperations {
  final ConcurrentSkipListMap<String, FlatFile> files = new ConcurrentSkipListMap<>();
  private final FlatSuper sb;

  FlatDir(FlatSuper sb) {
    super(sb, 1, StatMode.S_IFDIR | 0755);
    this.sb = sb;
  }

  private static String string(byte[] name) {
    return new String(name, StandardCharsets.ISO_8859_1);
  }

  @Override
  public Inode lookup(Task current, byte[] name) throws ErrnoException {
    FlatFile file = files.get(string(name));
    if (file == null) {
      throw new ErrnoException(Errno.ENOENT);
    }
    return file;
  }

  @Override
  public Inode create(Task current, byte[] name, int permissions) throws ErrnoException {
    FlatFile file = sb.newFile(current.cred(), string(name), StatMode.S_IFREG | permissions);
    file.ihold();
    files.put(file.name, file);
    return file;
  }

  @Override
  public void unlink(Task current, byte[] name) {
    name(files.remove(string(name)), "");
  }

  /** Changes the name of a file. An inode without a name is busy until it is free on the disk. */
  private static void name(FlatFile file, String to) {
    file.busy = to.isEmpty();
    file.name = to;
    file.updateCtime();
  }

  @Override
  public void rename(Task current, byte[] oldName, Inode newDir, byte[] newName, int flags)
      throws ErrnoException {
    if ((flags & ~Fcntl.RENAME_NOREPLACE) != 0) {
      throw new ErrnoException(Errno.EINVAL);
    }
    FlatFile file = files.get(string(oldName));
    FlatFile replaced = files.get(string(newName));
    sb.metadata.lock(); // so that the replaced inode is not written first
    try {
      if (replaced != null) {
        name(replaced, "");
      }
      name(file, string(newName));
      int result = sb.write(current, file); // durable before evictInode frees the replaced inode
      if (result != 0) {
        name(file, string(oldName));
        if (replaced != null) {
          name(replaced, string(newName));
        }
      }
      sb.check(result);
      files.remove(string(oldName));
      files.put(file.name, file);
    } finally {
      sb.metadata.unlock();
    }
  }

  @Override
  public int iterateShared(Task current, File file, DirContext context) {
    byte[] dots = {'.', '.'};
    if ((context.pos() == 0 && !context.emit(new byte[] {'.'}, 1, StatMode.DT_DIR, 1))
        || (context.pos() == 1 && !context.emit(dots, 1, StatMode.DT_DIR, 2))) {
      return 0;
    }
    for (FlatFile each : sb.byIno()) { // positions are inode numbers
      byte[] name = each.name.getBytes(StandardCharsets.ISO_8859_1);
      boolean due = each.ino() >= context.pos() && name.length > 0;
      if (due && !context.emit(name, each.ino(), StatMode.DT_REG, each.ino() + 1)) {
        break;
      }
    }
    return 0;
  }

  @Override
  public boolean hasFsync() {
    return true;
  }

  @Override
  public int fsync(Task current, File file, long start, long end, boolean datasync) {
    return sb.sync(current);
  }

  @Override
  public long size() {
    return 0;
  }

  @Override
  public FileOperations fop() {
    return this;
  }

  @Override
  protected void getattr(Task current, long stat) {}
}
