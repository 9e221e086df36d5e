// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Cred;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Fileattr;
import io.pollux.core.vfs.Xattr;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Flags and hints that programs set: Linux sees them, and they take effect. */
@Timeout(120)
final class XfsFileattrTest {
  private static final String PROTO = "none\n0 0\nd--755 0 0\n$\n";
  private static final int EXTSIZE = Fileattr.FS_XFLAG_EXTSIZE;
  private static final int EXTSZINHERIT = Fileattr.FS_XFLAG_EXTSZINHERIT;
  private static final int COWEXTSIZE = Fileattr.FS_XFLAG_COWEXTSIZE;

  private static void set(
      WritableTree tree, String path, int xflags, int extsize, int projid, int cowextsize)
      throws ErrnoException {
    Fileattr.set(
        tree.tree.current,
        tree.inode(path),
        new Fileattr(Fileattr.flagsOf(xflags), xflags, extsize, 0, projid, cowextsize, true));
  }

  private static void setFlags(WritableTree tree, String path, int flags) throws ErrnoException {
    Fileattr.set(tree.tree.current, tree.inode(path), Fileattr.ofFlags(flags));
  }

  private interface Call {
    void run() throws ErrnoException;
  }

  private static void refused(int errno, Call call) {
    assertThatThrownBy(call::run)
        .isInstanceOfSatisfying(ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(errno));
  }

  private static void create(WritableTree tree, String path) throws ErrnoException {
    tree.open(path, Fcntl.O_CREAT).fput();
  }

  @Test
  void linuxSeesWhatIsSet(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path image = WritableTree.mkfs(directory, PROTO, "-m reflink=1");
    try (WritableTree tree = new WritableTree(image)) {
      Task current = tree.tree.current;
      create(tree, "/hinted");
      set(tree, "/hinted", EXTSIZE | COWEXTSIZE, 65_536, 0x12345, 131_072);
      tree.tree.namei.mkdir(current, null, MountedTree.bytes("/d"), 0755);
      int inherited = EXTSZINHERIT | Fileattr.FS_XFLAG_PROJINHERIT | Fileattr.FS_XFLAG_NODUMP;
      set(tree, "/d", inherited, 32_768, 77, 0);
      create(tree, "/d/child");
      create(tree, "/flags");
      setFlags(
          tree,
          "/flags",
          Fileattr.FS_SYNC_FL
              | Fileattr.FS_NOATIME_FL
              | Fileattr.FS_NODUMP_FL
              | Fileattr.FS_APPEND_FL
              | Fileattr.FS_IMMUTABLE_FL);
      create(tree, "/back");
      set(tree, "/back", EXTSIZE, 8192, 5, 0);
      set(tree, "/back", EXTSIZE, 0, 0, 0);
      create(tree, "/kept");
      set(tree, "/kept", EXTSIZE, 8192, 5, 0);
      setFlags(tree, "/kept", Fileattr.FS_NODUMP_FL); // leaves the hint
      refused(Errno.EPERM, () -> tree.open("/flags", 0).fput());
      refused(Errno.EPERM, () -> Xattr.set(current, tree.inode("/flags"), "user.a", bytes(), 0));
      assertThat(tree.write(tree.open("/hinted", 0), 0, 4096, 7)).isEqualTo(4096);
      assertThat(tree.mp.sync(current)).isZero();
      assertThat(tree.inode("/hinted").core().nblocks() % 16).isZero(); // by the hint
    }
    LinuxXfs.assertSound(image);
    String script =
        "for f in hinted d d/child flags back kept; do xfs_io -r -c lsattr -c extsize"
            + " -c cowextsize -c lsproj $f; done; ! touch flags; ! rm -f flags;"
            + " xfs_io -r -c 'chattr -ia' flags; touch flags";
    String said = WritableTree.linux(image, script);
    assertThat(said)
        .contains("----------e----C- hinted")
        .contains("[65536] hinted")
        .contains("[131072] hinted")
        .contains("projid = 74565")
        .contains("[32768] d\n")
        .contains("[32768] d/child")
        .contains("projid = 77")
        .contains("--iasAd---------- flags")
        .contains("[0] back")
        .contains("------d---e------ kept")
        .contains("[8192] kept")
        .contains("Operation not permitted");
  }

  private static byte[] bytes() {
    return new byte[3];
  }

  @Test
  void refusalsAreThoseOfLinux(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path image = WritableTree.mkfs(directory, PROTO, "-m reflink=0");
    try (WritableTree tree = new WritableTree(image)) {
      create(tree, "/empty");
      create(tree, "/full");
      assertThat(tree.write(tree.open("/full", 0), 0, 4096, 7)).isEqualTo(4096);
      assertThat(tree.mp.sync(tree.tree.current)).isZero();
      refused(Errno.EINVAL, () -> set(tree, "/full", EXTSIZE, 65_536, 0, 0)); // has extents
      refused(Errno.EINVAL, () -> set(tree, "/empty", EXTSIZE, 65_537, 0, 0));
      refused(Errno.EINVAL, () -> set(tree, "/empty", 0, 65_536, 0, 0)); // without the flag
      refused(Errno.EINVAL, () -> set(tree, "/empty", EXTSIZE, 1 << 30, 0, 0)); // over half a group
      refused(Errno.EINVAL, () -> set(tree, "/empty", EXTSZINHERIT, 65_536, 0, 0)); // no directory
      refused(Errno.EINVAL, () -> set(tree, "/", EXTSIZE, 65_536, 0, 0)); // no file
      refused(Errno.EINVAL, () -> set(tree, "/empty", COWEXTSIZE, 0, 0, 65_536)); // no reflink
      refused(Errno.EINVAL, () -> set(tree, "/empty", 0, 0, -1, 0)); // no project
      refused(Errno.EINVAL, () -> set(tree, "/empty", Fileattr.FS_XFLAG_REALTIME, 0, 0, 0));
      refused(Errno.EOPNOTSUPP, () -> setFlags(tree, "/empty", 0x4)); // compressed
      set(tree, "/full", 0, 0, 3, 0);
      tree.tree.current.process().setCred(Cred.ROOT.withUids(5, 5, 5));
      refused(Errno.EPERM, () -> setFlags(tree, "/empty", Fileattr.FS_NODUMP_FL)); // not its own
      tree.tree.current.process().setCred(Cred.ROOT.withoutCapabilities());
      setFlags(tree, "/empty", Fileattr.FS_NODUMP_FL);
      refused(Errno.EPERM, () -> setFlags(tree, "/empty", Fileattr.FS_IMMUTABLE_FL));
    }
    LinuxXfs.assertSound(image);
  }

  @Test
  void aHintDoesNotTakeTheBlocksThatMustStayFree(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path image = WritableTree.mkfs(directory, PROTO, "");
    try (WritableTree tree = new WritableTree(image)) {
      Task current = tree.tree.current;
      create(tree, "/hinted");
      set(tree, "/hinted", EXTSIZE, 1 << 20, 0, 0);
      File fill = tree.open("/fill", Fcntl.O_CREAT);
      while (tree.mp.available() > 40) {
        long bytes = (tree.mp.available() - 30) * 4096;
        assertThat(fill.op().fallocate(current, fill, 0, fill.inode().size(), bytes)).isZero();
      }
      fill.fput(current);
      long before = tree.mp.available();
      assertThat(tree.write(tree.open("/hinted", 0), 0, 4096, 7)).isEqualTo(4096);
      assertThat(tree.mp.available()).isBetween(before - 10, before);
    }
    LinuxXfs.assertSound(image);
  }
}
