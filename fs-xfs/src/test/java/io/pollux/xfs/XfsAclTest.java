// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Cred;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Attr;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Permission;
import io.pollux.core.vfs.Xattr;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.trans.XfsTrans;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Access control lists: the same steps by Pollux and by Linux have the same results. */
@Timeout(120)
final class XfsAclTest {
  private static final String ACCESS = "system.posix_acl_access";
  private static final String DEFAULT = "system.posix_acl_default";
  private static final String PROTO = "none\n0 0\nd--755 0 0\no d--755 0 0\n$\n$\n";

  private static final int WRONLY_CREATE = Fcntl.O_WRONLY | Fcntl.O_CREAT;

  private static String entry(int tag, int permissions, int id) {
    return "%02x00%02x00%08x".formatted(tag, permissions, Integer.reverseBytes(id));
  }

  private static final String OWNER = entry(1, 6, -1);
  private static final String NAMED = entry(2, 4, 5);
  private static final String GROUP = entry(4, 5, -1);
  private static final String TEAM = entry(8, 6, 77);
  private static final String MASK = entry(16, 7, -1);
  private static final String OTHER = entry(32, 1, -1);
  private static final String FULL = "02000000" + OWNER + NAMED + GROUP + TEAM + MASK + OTHER;
  private static final String PLAIN = "02000000" + OWNER + GROUP + OTHER;

  private static void set(WritableTree tree, String path, String name, @Nullable String hex)
      throws ErrnoException {
    byte[] value = hex == null ? null : HexFormat.of().parseHex(hex);
    Xattr.set(tree.tree.current, tree.inode(path), name, value, 0);
  }

  private static void chmod(WritableTree tree, String path, int mode) throws ErrnoException {
    Attr.change(tree.tree.current, tree.inode(path), Iattr.ofMode(mode));
  }

  @Test
  void linuxFindsWhatItWouldHaveMade(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path image = WritableTree.mkfs(directory, PROTO, "");
    try (WritableTree tree = new WritableTree(image)) {
      Task current = tree.tree.current;
      for (String name : new String[] {"full", "plain", "cut", "gone", "twice"}) {
        tree.open("/o/" + name, Fcntl.O_CREAT).fput();
        set(tree, "/o/" + name, ACCESS, name.equals("plain") ? PLAIN : FULL);
      }
      chmod(tree, "/o/cut", 0751);
      set(tree, "/o/gone", ACCESS, null);
      set(tree, "/o/gone", ACCESS, null);
      set(tree, "/o/twice", ACCESS, PLAIN);
      tree.tree.namei.mkdir(current, null, MountedTree.bytes("/o/d"), 0777);
      set(tree, "/o/d", DEFAULT, FULL);
      tree.tree.namei.mkdir(current, null, MountedTree.bytes("/o/d/sub"), 0777);
      tree.tree.namei.mknod(
          current, null, MountedTree.bytes("/o/d/fifo"), StatMode.S_IFIFO | 0666, 0);
      tree.tree.namei.symlink(
          current, MountedTree.bytes("x"), null, MountedTree.bytes("/o/d/link"));
      tree.tree.namei.mkdir(current, null, MountedTree.bytes("/o/d/sub/under"), 0777);
      chmod(tree, "/o/d/sub/under", 0750);
      for (String file : new String[] {"/o/d/file", "/o/d/sub/file"}) {
        tree.tree.namei.open(current, null, MountedTree.bytes(file), WRONLY_CREATE, 0666).fput();
      }
      chmod(tree, "/o/d/file", 0644);
      assertThat(tree.inode("/o/d").creationMask(current)).isZero();
      tree.tree.namei.mkdir(current, null, MountedTree.bytes("/o/p"), 0777);
      set(tree, "/o/p", DEFAULT, PLAIN);
      tree.tree.namei.mkdir(current, null, MountedTree.bytes("/o/p/sub"), 0777);
      tree.open("/o/p/file", Fcntl.O_CREAT).fput();
      tree.tree.namei.mkdir(current, null, MountedTree.bytes("/o/late"), 0777);
      set(tree, "/o/late", DEFAULT, FULL);
      set(tree, "/o/late", DEFAULT, null);
      tree.open("/o/late/file", Fcntl.O_CREAT).fput();
    }
    LinuxXfs.assertSound(image);
    String script =
        """
        umask 0; mkdir -m 755 l; cd l
        a() { setfattr -n system.posix_acl_access -v 0x$2 $1; }
        d() { setfattr -n system.posix_acl_default -v 0x$2 $1; }
        for f in full plain cut gone twice; do touch $f; chmod 644 $f; a $f FULL; done
        a plain PLAIN; chmod 751 cut; setfattr -x system.posix_acl_access gone; a twice PLAIN
        mkdir d; d d FULL; mkdir d/sub; touch d/file; chmod 644 d/file; mkfifo d/fifo; ln -s x d/link
        mkdir d/sub/under; touch d/sub/file; chmod 750 d/sub/under; mkdir p; d p PLAIN; mkdir p/sub; touch p/file
        mkdir late; d late FULL; setfattr -x system.posix_acl_default late; touch late/file; chmod 644 late/file
        cd ..
        for t in o l; do (cd $t; find . | sort | xargs stat -c '%n %A'
          find . | sort | xargs getfattr -h -d -m system -e hex) > /tmp/$$.$t; done
        diff /tmp/$$.o /tmp/$$.l; grep -c system.posix /tmp/$$.l; rm /tmp/$$.o /tmp/$$.l
        """;
    String said =
        WritableTree.linux(image, script.replace("FULL", FULL).replace("PLAIN", PLAIN)).strip();
    assertThat(Integer.parseInt(said)).isGreaterThanOrEqualTo(10);
  }

  @Test
  void listsThatCannotBeAreRefused(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path image = WritableTree.mkfs(directory, PROTO, "");
    try (WritableTree tree = new WritableTree(image)) {
      tree.open("/f", Fcntl.O_CREAT).fput();
      tree.tree.namei.symlink(
          tree.tree.current, MountedTree.bytes("f"), null, MountedTree.bytes("/link"));
      refused(tree, "/f", ACCESS, "0200", Errno.EINVAL);
      refused(tree, "/f", ACCESS, "0100000001000600ffffffff", Errno.EOPNOTSUPP);
      refused(tree, "/f", ACCESS, PLAIN + "00", Errno.EINVAL);
      refused(tree, "/f", ACCESS, "02000000" + OWNER + GROUP, Errno.EINVAL);
      refused(tree, "/f", ACCESS, "02000000" + GROUP + OWNER + OTHER, Errno.EINVAL);
      refused(tree, "/f", ACCESS, "02000000" + OWNER + NAMED + GROUP + OTHER, Errno.EINVAL);
      refused(tree, "/f", ACCESS, "02000000" + OWNER + OWNER + GROUP + OTHER, Errno.EINVAL);
      refused(tree, "/f", ACCESS, "02000000" + OWNER + entry(4, 9, -1) + OTHER, Errno.EINVAL);
      refused(
          tree,
          "/f",
          ACCESS,
          "02000000" + OWNER + entry(2, 4, -1) + GROUP + MASK + OTHER,
          Errno.EINVAL);
      refused(tree, "/f", ACCESS, PLAIN + entry(3, 0, -1), Errno.EINVAL);
      refused(tree, "/f", DEFAULT, FULL, Errno.EACCES);
      set(tree, "/f", DEFAULT, null);
      refused(tree, "/link", ACCESS, FULL, Errno.EOPNOTSUPP);
      assertThat(tree.inode("/f").core().xflags() & Integer.MIN_VALUE).isZero(); // no attribute
      tree.tree.current.process().setCred(Cred.ROOT.withUids(5, 5, 5));
      refused(tree, "/f", ACCESS, FULL, Errno.EPERM);
    }
    LinuxXfs.assertSound(image);
  }

  private static void refused(WritableTree tree, String path, String name, String hex, int errno) {
    assertThatThrownBy(() -> set(tree, path, name, hex))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).as(hex).isEqualTo(errno));
  }

  private static int permitted(WritableTree tree, String path, int uid, int gid)
      throws ErrnoException {
    Task current = tree.tree.current;
    XfsInode ip = tree.inode(path);
    Cred before = current.cred();
    current.process().setCred(Cred.ROOT.withGids(gid, gid, gid).withUids(uid, uid, uid));
    try {
      int granted = 0;
      for (int mask : new int[] {Permission.MAY_READ, Permission.MAY_WRITE, Permission.MAY_EXEC}) {
        granted |= Permission.ofInode(current, ip, mask) == 0 ? mask : 0;
      }
      return granted;
    } finally {
      current.process().setCred(before);
    }
  }

  @Test
  void listsDecideAboutAccess(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path image = WritableTree.mkfs(directory, PROTO, "");
    for (int round = 0; round < 2; round++) { // again as read from the disk
      try (WritableTree tree = new WritableTree(image)) {
        if (round == 0) {
          tree.open("/f", Fcntl.O_CREAT).fput();
          Attr.chown(tree.tree.current, tree.inode("/f"), 9, 60);
          set(tree, "/f", ACCESS, FULL);
        }
        assertThat(permitted(tree, "/f", 9, 1)).isEqualTo(6); // the owner
        assertThat(permitted(tree, "/f", 5, 60)).isEqualTo(4); // the named user, not its group
        assertThat(permitted(tree, "/f", 6, 60)).isEqualTo(5); // the file's group
        assertThat(permitted(tree, "/f", 6, 77)).isEqualTo(6); // the named group
        assertThat(permitted(tree, "/f", 6, 1)).isEqualTo(1); // others
        if (round == 1) {
          chmod(tree, "/f", 0641); // the mask is r--
          assertThat(permitted(tree, "/f", 6, 77)).isEqualTo(4);
          assertThat(permitted(tree, "/f", 6, 60)).isEqualTo(4);
          chmod(tree, "/f", 0607); // as in Linux, a list without a mask bit does not count
          assertThat(permitted(tree, "/f", 6, 60)).isZero();
          assertThat(permitted(tree, "/f", 6, 77)).isEqualTo(7);
        }
      }
      LinuxXfs.assertSound(image);
    }
  }

  @Test
  void aStrangerGetsNoSetGroupIdProgramOfTheDirectorysGroup(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path image = WritableTree.mkfs(directory, PROTO, "");
    try (WritableTree tree = new WritableTree(image)) {
      Task current = tree.tree.current;
      chmod(tree, "/o", 02777);
      for (int uid : new int[] {0, 1000}) {
        current.process().setCred(Cred.ROOT.withGids(uid, uid, uid).withUids(uid, uid, uid));
        int kept = uid == 0 ? StatMode.S_ISGID : 0;
        byte[] opened = MountedTree.bytes("/o/opened" + uid);
        int flags = Fcntl.O_CREAT | Fcntl.O_RDWR;
        tree.tree.namei.open(current, null, opened, flags, 02770).fput(current);
        byte[] made = MountedTree.bytes("/o/made" + uid);
        tree.tree.namei.mknod(current, null, made, StatMode.S_IFREG | 02710, 0);
        assertThat(tree.inode("/o/opened" + uid).mode() & 07777).isEqualTo(0770 | kept);
        assertThat(tree.inode("/o/made" + uid).mode() & 07777).isEqualTo(0710 | kept);
      }
      current.process().setCred(Cred.ROOT);
    }
    LinuxXfs.assertSound(image);
  }

  /** A list of so many users that it has a block of its own. */
  private static String many() {
    StringBuilder users = new StringBuilder();
    for (int uid = 1; uid <= 100; uid++) {
      users.append(entry(2, 4, uid));
    }
    return "02000000" + OWNER + users + GROUP + MASK + OTHER;
  }

  @Test
  void aTruncateWhoseModeCannotBeStoredLeavesTheSize(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[8192]);
    long position;
    try (WritableTree tree = new WritableTree(image)) {
      set(tree, "/file", ACCESS, many());
      chmod(tree, "/file", 06755);
      XfsInode ip = tree.inode("/file");
      try (XfsTrans tp = tree.mp.trans().begin(tree.tree.current, 0)) {
        long fsb = XfsInodeEdit.of(tp, ip).attr().map().get(0).startBlock();
        position = tree.mp.sb().fsbToByte(fsb);
      }
    }
    try (RandomAccessFile damaged = new RandomAccessFile(image.toFile(), "rw")) {
      damaged.seek(position);
      damaged.write(new byte[64]);
    }
    try (WritableTree tree = new WritableTree(image)) {
      XfsInode ip = tree.inode("/file");
      Iattr cut = Iattr.ofSize(100).with(Iattr.ATTR_MODE).withMode(0100755);
      ip.iRwsem.downWrite(tree.tree.current);
      try {
        assertThatThrownBy(() -> XfsSetattr.setattr(tree.tree.current, ip, cut))
            .isInstanceOf(ErrnoException.class);
      } finally {
        ip.iRwsem.upWrite();
      }
      assertThat(ip.size()).isEqualTo(8192);
      assertThat(ip.core().size()).isEqualTo(8192);
    }
  }

  /** It would be old after a remount for writing. */
  @Test
  void aReadOnlyMountKeepsNoList(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "", new byte[8192]);
    try (WritableTree tree = new WritableTree(image)) {
      set(tree, "/file", ACCESS, FULL);
    }
    for (String options : new String[] {"ro", "rw"}) {
      try (WritableTree tree = new WritableTree(image, options)) {
        XfsInode ip = tree.inode("/file");
        XfsAcl read = XfsAcl.of(tree.tree.current, ip);
        assertThat(read.access()).isNotNull();
        assertThat(ip.acl())
            .as("kept by a mount with " + options)
            .isEqualTo(options.equals("rw") ? read : null);
      }
    }
  }
}
