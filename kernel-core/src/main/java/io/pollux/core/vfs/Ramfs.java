// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The tree that a kernel boots with: directories in memory, on which filesystems are mounted and in which
 * devices and other kernel objects have their names. Programs can't change it.
 */
@LinuxSource(file = "fs/ramfs/inode.c")
public final class Ramfs extends SuperBlock {
  private final Directory root = new Directory(this, 1);
  private long lastIno = 1;

  /**
   * Makes an empty tree.
   *
   * @param dev its device number
   */
  public Ramfs(long dev) {
    super(dev, true);
  }

  @Override
  public Inode root() {
    return root;
  }

  @Override
  public void unmount(Task current) {}

  /**
   * Makes a directory at the root, or finds it.
   *
   * @param name its name
   * @return the directory
   */
  public synchronized Directory mkdir(String name) {
    if (root.children.get(name) instanceof Directory there) {
      return there;
    }
    Directory made = new Directory(this, ++lastIno);
    root.attach(name, made);
    return made;
  }

  /**
   * The root as a directory to attach things to.
   *
   * @return the root
   */
  public Directory top() {
    return root;
  }

  /** A directory in memory. */
  public static final class Directory extends Inode {
    private final Map<String, Inode> children = new LinkedHashMap<>(); // under its own lock

    private Directory(SuperBlock sb, long ino) {
      super(sb, ino, StatMode.S_IFDIR | 0755);
    }

    /**
     * Gives an inode a name here: a device, or the root of a filesystem that is mounted here.
     *
     * @param name the name; an entry of that name is covered
     * @param inode the inode
     */
    public void attach(String name, Inode inode) {
      synchronized (children) {
        children.put(name, inode);
      }
    }

    /**
     * Takes a name away.
     *
     * @param name the name
     */
    public void detach(String name) {
      synchronized (children) {
        children.remove(name);
      }
    }

    @Override
    public Inode lookup(Task current, byte[] name) throws ErrnoException {
      synchronized (children) {
        Inode found = children.get(new String(name, StandardCharsets.UTF_8));
        if (found == null) {
          throw new ErrnoException(Errno.ENOENT);
        }
        return found;
      }
    }

    @Override
    public long size() {
      return 0;
    }

    @Override
    public FileOperations fop() {
      return DIRECTORY_OPERATIONS;
    }

    @Override
    protected void getattr(long stat) {
      Stat.stNlink(stat, 2);
      Stat.stBlksize(stat, 4096);
    }

    private int list(DirContext context) {
      List<Map.Entry<String, Inode>> entries;
      synchronized (children) {
        entries = new ArrayList<>(children.entrySet());
      }
      for (long at = context.pos(); at < entries.size() + 2L; at++) {
        boolean taken;
        if (at < 2) {
          byte[] dots = (at == 0 ? "." : "..").getBytes(StandardCharsets.UTF_8);
          taken = context.emit(dots, ino(), StatMode.DT_DIR, at + 1);
        } else {
          Map.Entry<String, Inode> entry = entries.get((int) at - 2);
          byte[] name = entry.getKey().getBytes(StandardCharsets.UTF_8);
          int type = (entry.getValue().mode() & StatMode.S_IFMT) >> 12; // DT_* are the S_IF* moved down
          taken = context.emit(name, entry.getValue().ino(), type, at + 1);
        }
        if (!taken) {
          break;
        }
      }
      return 0;
    }
  }

  private static final FileOperations DIRECTORY_OPERATIONS =
      new FileOperations() {
        @Override
        public int iterateShared(Task current, File file, DirContext context) {
          return ((Directory) file.inode()).list(context);
        }
      };
}
