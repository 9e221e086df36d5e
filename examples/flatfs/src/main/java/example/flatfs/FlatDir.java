// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.DirContext;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.RootDirectory;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The directory: the names of the inodes. A change is durable when its call returns. */
final class FlatDir extends RootDirectory {
  static final int MAX_NAME = 255;

  private final FlatSuper sb;
  volatile String[] names; // by record, empty for none; never changed in place
  private boolean unsure; // a write failed: the disk may have other names; under the monitor

  FlatDir(FlatSuper sb) {
    super(sb, 0755);
    this.sb = sb;
    names = Collections.nCopies(FlatSuper.RECORDS, "").toArray(String[]::new);
  }

  boolean hasName(int record) {
    return !names[record].isEmpty();
  }

  private @Nullable FlatFile find(byte[] name) {
    int record = Arrays.asList(names).indexOf(new String(name, ISO_8859_1));
    return record < 0 ? null : sb.file(record);
  }

  @Override
  public Inode lookup(Task current, byte[] name) throws ErrnoException {
    FlatFile file = find(name);
    if (file == null) {
      throw new ErrnoException(Errno.ENOENT);
    }
    return file;
  }

  /** Creates a file. Its inode is durable before it has a name. */
  @Override
  public Inode create(Task current, byte[] name, int permissions) throws ErrnoException {
    FlatFile file = new FlatFile(sb, sb.freeRecord(), permissions);
    file.initOwner(current);
    sb.check(file.syncMetadata(current));
    change(current, file, new String(name, ISO_8859_1), null);
    sb.add(file);
    file.ihold();
    return file;
  }

  /** Removes a name. The file is freed when its last user has closed it. */
  @Override
  public void unlink(Task current, byte[] name) throws ErrnoException {
    change(current, find(name), "", null);
  }

  @Override
  public void rename(Task current, byte[] oldName, Inode newDir, byte[] newName, int flags)
      throws ErrnoException {
    if ((flags & ~Fcntl.RENAME_NOREPLACE) != 0) {
      throw new ErrnoException(Errno.EINVAL);
    }
    change(current, find(oldName), new String(newName, ISO_8859_1), find(newName));
  }

  /** Changes the name of a file, and removes the name of a replaced one, in one write. */
  private void change(Task current, FlatFile file, String name, @Nullable FlatFile replaced)
      throws ErrnoException {
    String[] next = names.clone();
    next[file.record] = name;
    file.updateCtime(); // so its next fsync repeats a write that fails
    if (replaced != null) {
      next[replaced.record] = "";
      replaced.updateCtime();
    }
    sb.check(write(current, next));
  }

  /** Replaces the names, durably. Returns 0; or a negative errno, and the names stay. */
  synchronized int write(Task current, String[] next) {
    byte[] joined = String.join("/", next).getBytes(ISO_8859_1);
    int result = sb.table.write(current, 0, to -> to.put(joined));
    unsure = result != 0;
    names = unsure ? names : next;
    return result;
  }

  /** Writes the names again if the disk may have others. Returns 0 or a negative errno. */
  synchronized int settle(Task current) {
    return unsure ? write(current, names) : 0;
  }

  void decode(ByteBuffer from) throws ErrnoException {
    String[] read = ISO_8859_1.decode(from).toString().split("/", FlatSuper.RECORDS + 1);
    Set<String> seen = new HashSet<>(List.of(".", ".."));
    boolean good = read.length == FlatSuper.RECORDS && read[0].isEmpty();
    for (String name : read) {
      good &= name.isEmpty() || seen.add(name);
      good &= name.length() <= MAX_NAME && name.indexOf(0) < 0;
    }
    if (!good) {
      throw sb.error(Errno.EUCLEAN, "the record of names has no good slot, or a wrong name");
    }
    names = read;
  }

  /** Lists the names. The position of a name is its inode number. */
  @Override
  protected void list(DirContext context) {
    String[] now = names;
    for (int record = 1; record < now.length; record++) {
      int ino = record + 1;
      boolean due = ino >= context.pos() && !now[record].isEmpty();
      byte[] name = now[record].getBytes(ISO_8859_1);
      if (due && !context.emit(name, ino, StatMode.DT_REG, ino + 1)) {
        break;
      }
    }
  }
}
