// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.DirContext;
import io.pollux.core.vfs.FiemapExtentInfo;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Fileattr;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.InodeMapping;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.PollTable;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A filesystem with a directory, two files and a link. It stores no data. One of its methods
 * throws.
 */
final class ThrowingFs implements FileSystemType {
  private volatile String armed = "";
  private @Nullable Super sb;

  /** Makes a method throw, or none if the name is empty. */
  void arm(String method) {
    armed = method;
  }

  private void trip(String method) {
    if (armed.equals(method)) {
      throw new IllegalStateException("a broken " + method);
    }
  }

  /** Returns the inodes of the mounted filesystem. */
  List<Inode> inodes() {
    Super mounted = sb;
    assert mounted != null : "not mounted";
    return List.of(mounted.root, mounted.file, mounted.spare, mounted.dir, mounted.link);
  }

  @Override
  public String name() {
    return "throwing";
  }

  @Override
  public boolean recognises(MemorySegment head) {
    return false;
  }

  @Override
  public SuperBlock mount(Task current, BlockDevice bdev, boolean readOnly, Options options) {
    Super made = new Super(bdev.dev());
    sb = made;
    return made;
  }

  private final class Super extends SuperBlock {
    final Node root = new Node(this, 1, StatMode.S_IFDIR | 0755);
    final Node file = new Node(this, 2, StatMode.S_IFREG | 0644);
    final Node spare = new Node(this, 3, StatMode.S_IFREG | 0644);
    final Node dir = new Node(this, 4, StatMode.S_IFDIR | 0755);
    final Node link = new Node(this, 5, StatMode.S_IFLNK | 0777);
    final Map<String, Node> names = Map.of("file", file, "spare", spare, "dir", dir, "link", link);

    Super(long dev) {
      super(dev, false);
    }

    @Override
    public Inode root() {
      return root;
    }

    @Override
    protected void statfs(Task current, long statfs) {
      trip("statfs");
    }

    @Override
    public int sync(Task current) {
      trip("sync");
      return 0;
    }

    @Override
    public boolean canFreeze() {
      trip("canFreeze");
      return true;
    }

    @Override
    protected int freezeFs(Task current) {
      trip("freezeFs");
      return 0;
    }

    @Override
    protected void evictInode(@Nullable Task current, Inode inode) {
      trip("evictInode");
    }

    @Override
    public void remount(Task current, boolean toReadOnly, Options options) throws ErrnoException {
      trip("remount");
      super.remount(current, toReadOnly, options);
    }

    @Override
    public void unmount(Task current) {}
  }

  private final class Node extends Inode implements FileOperations {
    private volatile int nlink = 1;

    Node(SuperBlock sb, long ino, int mode) {
      super(sb, ino, mode);
    }

    @Override
    public int uid() {
      trip("uid");
      return 0;
    }

    @Override
    public int gid() {
      trip("gid");
      return 0;
    }

    @Override
    protected int nlink() {
      trip("nlink");
      return nlink;
    }

    @Override
    public long size() {
      trip("size");
      return 0;
    }

    @Override
    public FileOperations fop() {
      trip("fop");
      return this;
    }

    @Override
    public @Nullable InodeMapping mapping() {
      trip("mapping");
      return null;
    }

    @Override
    protected void getattr(Task current, long stat) {
      trip("getattr");
    }

    @Override
    public void fillStatx(long statx, int mask) {
      trip("fillStatx");
    }

    @Override
    public boolean hasFiemap() {
      trip("hasFiemap");
      return true;
    }

    @Override
    public int fiemap(Task current, FiemapExtentInfo fieinfo, long start, long length) {
      trip("fiemap");
      return 0;
    }

    @Override
    public Fileattr fileattrGet(Task current) {
      trip("fileattrGet");
      return Fileattr.ofFlags(0);
    }

    @Override
    public void fileattrSet(Task current, Fileattr attributes) {
      trip("fileattrSet");
    }

    @Override
    public int creationMask(Task current) {
      trip("creationMask");
      return 0;
    }

    @Override
    public int permission(Task current, int mask) {
      trip("permission");
      return 0;
    }

    @Override
    public void setattr(Task current, Iattr attr) {
      trip("setattr");
    }

    @Override
    public Inode lookup(Task current, byte[] name) throws ErrnoException {
      trip("lookup");
      Node found = ((Super) sb()).names.get(new String(name, StandardCharsets.US_ASCII));
      if (found == null) {
        throw new ErrnoException(Errno.ENOENT);
      }
      return found;
    }

    @Override
    public byte[] readlink(Task current) {
      trip("readlink");
      return new byte[] {'x'};
    }

    @Override
    public Inode create(Task current, byte[] name, int permissions) {
      trip("create");
      Node spare = ((Super) sb()).spare;
      spare.ihold();
      return spare;
    }

    @Override
    public void mkdir(Task current, byte[] name, int permissions) {
      trip("mkdir");
    }

    @Override
    public void mknod(Task current, byte[] name, int mode, long rdev) {
      trip("mknod");
    }

    @Override
    public void symlink(Task current, byte[] name, byte[] target) {
      trip("symlink");
    }

    @Override
    public void link(Task current, byte[] name, Inode old) {
      trip("link");
    }

    @Override
    public void rmdir(Task current, byte[] name) {
      trip("rmdir");
    }

    @Override
    public void unlink(Task current, byte[] name) {
      trip("unlink");
      ((Super) sb()).spare.nlink = 0;
    }

    @Override
    public void rename(Task current, byte[] oldName, Inode newDir, byte[] newName, int flags) {
      trip("rename");
    }

    @Override
    public Inode tmpfile(Task current, int permissions) {
      trip("tmpfile");
      return create(current, new byte[0], permissions);
    }

    @Override
    public byte[] getxattr(Task current, String name) {
      trip("getxattr");
      return new byte[1];
    }

    @Override
    public void setxattr(Task current, String name, byte @Nullable [] value, int flags) {
      trip("setxattr");
    }

    @Override
    public List<String> listxattr(Task current) {
      trip("listxattr");
      return List.of();
    }

    @Override
    protected boolean immutable() {
      trip("immutable");
      return false;
    }

    @Override
    protected boolean appendOnly() {
      trip("appendOnly");
      return false;
    }

    // The open file.

    @Override
    public boolean hasReadIter() {
      trip("hasReadIter");
      return true;
    }

    @Override
    public long readIter(Task current, Kiocb iocb, IovIter to) {
      trip("readIter");
      return 0;
    }

    @Override
    public boolean hasWriteIter() {
      trip("hasWriteIter");
      return true;
    }

    @Override
    public long writeIter(Task current, Kiocb iocb, IovIter from) {
      trip("writeIter");
      return from.count();
    }

    @Override
    public boolean hasIopoll() {
      trip("hasIopoll");
      return false;
    }

    @Override
    public boolean canDirect() {
      trip("canDirect");
      return true;
    }

    @Override
    public boolean canNowait() {
      trip("canNowait");
      return true;
    }

    @Override
    public boolean canSeek() {
      trip("canSeek");
      return true;
    }

    @Override
    public long llseek(Task current, File file, long offset, int whence) {
      trip("llseek");
      return 0;
    }

    @Override
    public boolean hasPoll() {
      trip("hasPoll");
      return true;
    }

    @Override
    public int poll(File file, @Nullable PollTable table) {
      trip("poll");
      return 1;
    }

    @Override
    public boolean hasFsync() {
      trip("hasFsync");
      return true;
    }

    @Override
    public int fsync(Task current, File file, long start, long end, boolean datasync) {
      trip("fsync");
      return 0;
    }

    @Override
    public int fallocate(Task current, File file, int mode, long offset, long length) {
      trip("fallocate");
      return 0;
    }

    @Override
    public boolean hasRemapFileRange() {
      trip("hasRemapFileRange");
      return true;
    }

    @Override
    public int remapFileRange(
        Task current, File from, long pos, File to, long toPos, long length, int flags) {
      trip("remapFileRange");
      return 0;
    }

    @Override
    public int iterateShared(Task current, File file, DirContext context) {
      trip("iterateShared");
      return 0;
    }

    @Override
    public long ioctl(Task current, File file, int cmd, long arg) {
      trip("ioctl");
      return -Errno.ENOTTY;
    }

    @Override
    public int pipeSize() {
      trip("pipeSize");
      return -Errno.EBADF;
    }

    @Override
    public int claim(File file, int flags) {
      trip("claim");
      return 0;
    }

    @Override
    public int open(Task current, File file) {
      trip("open");
      return 0;
    }

    @Override
    public void opened(File file) {
      trip("opened");
    }

    @Override
    public void release(Task current, File file) {
      trip("release");
    }
  }
}
