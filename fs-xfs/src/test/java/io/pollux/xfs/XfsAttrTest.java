// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Xattr;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.xfs.trans.XfsTrans;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Extended attributes in all forms, beside a map of names and values. */
class XfsAttrTest {
  private static final List<String> PREFIXES = List.of("user.", "trusted.", "security.");

  private static String proto(Path contents) {
    StringBuilder names = new StringBuilder();
    MkfsImage.names(20).forEach(name -> names.append(name).append(" ---644 0 0 /dev/null\n"));
    return "none\n0 0\nd--755 0 0\nempty d--755 0 0\n$\nshort d--755 0 0\n"
        + names
        + "$\nnothing ---644 0 0 /dev/null\nfile ---644 0 0 "
        + contents
        + "\nlink l--777 0 0 "
        + "./".repeat(150)
        + "file\nfifo p--644 0 0\n$\n";
  }

  /** The attributes of one inode, and what they should be. */
  private static final class Model {
    final WritableTree image;
    final XfsInode ip;
    final Map<String, byte[]> values = new HashMap<>();
    final Random random;

    Model(WritableTree image, XfsInode ip, long seed) {
      this.image = image;
      this.ip = ip;
      random = new Random(seed);
    }

    void set(String name, byte @Nullable [] value, int flags) throws ErrnoException {
      ip.iRwsem.downWrite(image.tree.current);
      try {
        ip.setxattr(image.tree.current, name, value, flags);
      } finally {
        ip.iRwsem.upWrite();
      }
    }

    void step(int names, int largest) throws ErrnoException {
      String name = PREFIXES.get(random.nextInt(3)) + "name-" + random.nextInt(names);
      if (random.nextInt(8) == 0) {
        name += "x".repeat(random.nextInt(200));
      }
      boolean exists = values.containsKey(name);
      if (random.nextInt(3) == 0 && exists) {
        set(name, null, 0);
        values.remove(name);
        return;
      }
      byte[] value = new byte[random.nextInt(random.nextBoolean() ? 40 : largest)];
      random.nextBytes(value);
      set(name, value, exists ? Xattr.XATTR_REPLACE : Xattr.XATTR_CREATE);
      values.put(name, value);
    }

    void removeAll() throws ErrnoException {
      List<String> names = new ArrayList<>(values.keySet());
      for (String name : names) {
        set(name, null, 0);
        values.remove(name);
        if (random.nextInt(10) == 0) {
          check();
        }
      }
    }

    void check() throws ErrnoException {
      assertThat(ip.listxattr(image.tree.current))
          .containsExactlyInAnyOrderElementsOf(values.keySet());
      for (Map.Entry<String, byte[]> entry : values.entrySet()) {
        assertThat(ip.getxattr(image.tree.current, entry.getKey()))
            .as(entry.getKey())
            .isEqualTo(entry.getValue());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"-b size=1024", "-b size=4096 -i nrext64=0,size=1024"})
  void allForms(String options, @TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    long seed = Long.getLong("xfs.seed", System.nanoTime());
    System.out.println("XfsAttrTest seed " + seed + ", " + options);
    Path contents = Files.write(directory.resolve("contents"), new byte[100_000]);
    Path image = WritableTree.mkfs(directory, proto(contents), options);
    List<String> paths = List.of("/nothing", "/file", "/empty", "/short", "/link", "/fifo");
    try (WritableTree tree = new WritableTree(image)) {
      List<Model> models = new ArrayList<>();
      for (String path : paths) {
        models.add(new Model(tree, inode(tree, path), seed + path.hashCode()));
      }
      for (Model model : models) {
        for (int largest : new int[] {20, 120, 400, 3000, 66_000}) {
          for (int i = 0; i < 25; i++) {
            model.step(largest < 3000 ? 12 : 150, Math.min(largest, 65_537));
          }
          model.check();
        }
      }
      assertThat(tree.tree.list("/short", 100)).hasSize(22);
      assertThat(tree.inode("/file").size()).isEqualTo(100_000);
      assertThat(XfsSymlink.read(tree.tree.current, inode(tree, "/link"))).hasSize(304);
    }
    LinuxXfs.assertSound(image);
    try (WritableTree tree = new WritableTree(image)) {
      for (String path : paths) {
        Model model = readModel(tree, path);
        assertThat(model.values).isNotEmpty();
        model.removeAll();
        model.check();
        assertThat(model.ip.core().attrFork().size()).isZero();
      }
      assertThat(tree.tree.list("/short", 100)).hasSize(22);
      assertThat(XfsSymlink.read(tree.tree.current, inode(tree, "/link"))).hasSize(304);
      assertThat(inode(tree, "/link").format())
          .as("the target is in the inode again")
          .isEqualTo(XfsInodeBuf.Format.LOCAL);
    }
    LinuxXfs.assertSound(image);
  }

  private static XfsInode inode(WritableTree tree, String path) throws ErrnoException {
    XfsInode root = (XfsInode) tree.tree.sb.root();
    return root.lookup(tree.tree.current, MountedTree.bytes(path.substring(1)));
  }

  @Test
  void manyAttributesOfOneFile(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path contents = Files.write(directory.resolve("contents"), new byte[10]);
    Path image = WritableTree.mkfs(directory, proto(contents), "-b size=1024");
    try (WritableTree tree = new WritableTree(image)) {
      Model model = new Model(tree, inode(tree, "/file"), 1);
      for (int i = 0; i < 2000; i++) {
        byte[] value = ("value " + i).getBytes(StandardCharsets.US_ASCII);
        model.set("user." + i, value, Xattr.XATTR_CREATE);
        model.values.put("user." + i, value);
      }
      model.check();
    }
    LinuxXfs.assertSound(image);
    try (WritableTree tree = new WritableTree(image)) {
      Model model = new Model(tree, inode(tree, "/file"), 1);
      for (int i = 0; i < 2000; i++) {
        model.set("user." + i, null, 0);
      }
      model.check();
      assertThat(model.ip.core().nblocks()).isEqualTo(1);
    }
    LinuxXfs.assertSound(image);
  }

  @Test
  void linuxReadsAndChangesThem(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path contents = Files.write(directory.resolve("contents"), new byte[10]);
    Path image = WritableTree.mkfs(directory, proto(contents), "-b size=1024");
    List<String> paths = List.of("/file", "/short");
    for (int names : new int[] {3, 100, 0}) {
      try (WritableTree tree = new WritableTree(image)) {
        for (String path : paths) {
          Model model = readModel(tree, path);
          for (int i = 0; i < 2 * names; i++) {
            model.step(names, names < 10 ? 20 : 9000);
          }
          if (names == 0) {
            model.removeAll();
          }
        }
      }
      String change =
          "for i in $(seq 40); do setfattr -n user.linux-$i -v $(seq -s, $i) file; done"
              + " && setfattr -x user.linux-7 file";
      assertLinuxReads(image, paths, names == 100 ? change : "");
      LinuxXfs.assertSound(image);
    }
  }

  private static Model readModel(WritableTree tree, String path) throws ErrnoException {
    Model model = new Model(tree, inode(tree, path), 3);
    for (String name : model.ip.listxattr(tree.tree.current)) {
      model.values.put(name, model.ip.getxattr(tree.tree.current, name));
    }
    return model;
  }

  /** Runs a script under Linux; then Linux reads the same attributes as we do. */
  private static void assertLinuxReads(Path image, List<String> paths, String script)
      throws IOException, InterruptedException, ErrnoException {
    WritableTree.linux(image, script);
    for (String path : paths) {
      String said = WritableTree.linux(image, "getfattr -d -m - -e hex " + path.substring(1));
      List<String> ours = new ArrayList<>();
      try (WritableTree tree = new WritableTree(image)) {
        readModel(tree, path).values.forEach((name, value) -> ours.add(name + "=0x" + hex(value)));
      }
      List<String> theirs =
          said.lines().filter(line -> !line.isEmpty() && !line.startsWith("#")).toList();
      assertThat(ours).containsExactlyInAnyOrderElementsOf(theirs);
    }
  }

  private static String hex(byte[] value) {
    return HexFormat.of().formatHex(value);
  }

  @Test
  void accessControlLists(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path contents = Files.write(directory.resolve("contents"), new byte[10]);
    Path image = WritableTree.mkfs(directory, proto(contents), "");
    // version 2; owner rw-, user 5 r--, group r--, mask r--, others ---: as Linux takes and gives
    // it
    String acl =
        "02000000"
            + "01000600ffffffff"
            + "0200040005000000"
            + "04000400ffffffff"
            + "10000400ffffffff"
            + "20000000ffffffff";
    WritableTree.linux(image, "setfattr -n system.posix_acl_access -v 0x" + acl + " file");
    try (WritableTree tree = new WritableTree(image)) {
      XfsInode file = inode(tree, "/file");
      byte[] read = file.getxattr(tree.tree.current, "system.posix_acl_access");
      assertThat(hex(read)).isEqualTo(acl);
      assertThat(file.listxattr(tree.tree.current))
          .contains("system.posix_acl_access", "trusted.SGI_ACL_FILE");
    }
  }

  /** The extents of the data make room: 20 fit without attributes; 500 have a tree already. */
  @Test
  void filesOfManyExtents(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path contents = Files.write(directory.resolve("contents"), new byte[10]);
    Path image = WritableTree.mkfs(directory, proto(contents), "-b size=1024");
    StringBuilder script = new StringBuilder();
    int[] extents = {8, 20, 500};
    for (int count : extents) {
      script.append(
          "seq 0 2048 %d | sed 's/.*/pwrite -q & 1k/' | xfs_io -f e%d; sync; "
              .formatted(2048 * (count - 1), count));
    }
    WritableTree.linux(image, script.toString());
    String sums = WritableTree.linux(image, "md5sum e[0-9]*");
    for (boolean remove : new boolean[] {false, true}) {
      try (WritableTree tree = new WritableTree(image)) {
        for (int count : extents) {
          Model model = readModel(tree, "/e" + count);
          assertThat(model.ip.core().nextents()).isGreaterThanOrEqualTo(count);
          if (remove) {
            model.removeAll();
          } else {
            for (int i = 0; i < 30; i++) {
              model.step(20, 90);
            }
          }
          model.check();
        }
      }
      LinuxXfs.assertSound(image);
      assertThat(WritableTree.linux(image, "md5sum e[0-9]*")).isEqualTo(sums);
    }
  }

  /** The root of the extents fills the inode, and moves into a block. */
  @ParameterizedTest
  @ValueSource(ints = {19, 20})
  void anAttributeBesideAFullRoot(int records, @TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path contents = Files.write(directory.resolve("contents"), new byte[10]);
    Path image = WritableTree.mkfs(directory, proto(contents), "-b size=1024");
    try (WritableTree tree = new WritableTree(image)) {
      File file = tree.open("/full", Fcntl.O_CREAT);
      XfsInode ip = inode(tree, "/full");
      int left = 3000; // from the end, so that nothing is allocated behind it
      while (ip.format() != XfsInodeBuf.Format.BTREE || ip.fork().u16(2) < records) {
        assertThat(tree.write(file, left * 8192L, 1024, left & 0xff)).isEqualTo(1024);
        assertThat(left--).isPositive();
      }
      file.fput();
    }
    String sum = WritableTree.linux(image, "md5sum full");
    for (boolean remove : new boolean[] {false, true}) {
      try (WritableTree tree = new WritableTree(image)) {
        Model model = readModel(tree, "/full");
        if (remove) {
          model.removeAll();
        } else {
          assertThat(model.ip.fork().u16(2)).isEqualTo(records);
          model.set("user.a", new byte[] {1, 2, 3}, 0);
          model.values.put("user.a", new byte[] {1, 2, 3});
          assertThat(model.ip.fork().u16(2)).isEqualTo(1);
          File file = tree.open("/full", 0);
          assertThat(tree.write(file, 40_000_000L, 1024, 3)).isEqualTo(1024); // the tree works
          assertThat(tree.write(file, 40_000_000L, 1024, 0)).isEqualTo(1024);
          file.fput();
        }
        model.check();
      }
      LinuxXfs.assertSound(image);
      String script = "getfattr -d -m - full; truncate -s 24577024 full; md5sum full";
      assertThat(WritableTree.linux(image, script)).contains(sum).contains(remove ? "" : "user.a");
    }
  }

  /** The version of the superblock says that there are attributes, once there are. */
  @Test
  void theSuperblockSaysThatThereAreAttributes(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path contents = Files.write(directory.resolve("contents"), new byte[10]);
    Path image = WritableTree.mkfs(directory, proto(contents), "");
    for (boolean refused : new boolean[] {true, false}) {
      try (WritableTree tree = new WritableTree(image)) {
        Model model = new Model(tree, inode(tree, "/file"), 1);
        if (refused) {
          assertRefused(model, "user.a", null, 0, Errno.ENODATA);
          tree.tree.namei.mkdir(tree.tree.current, null, MountedTree.bytes("/d"), 0755);
        } else {
          model.set("user.a", new byte[1], 0);
        }
      }
      int version = ByteBuffer.wrap(Files.readAllBytes(image), 100, 2).getShort();
      assertThat((version & 0x10) != 0).isEqualTo(!refused);
      LinuxXfs.assertSound(image);
    }
  }

  @Test
  void refusals(@TempDir Path directory) throws IOException, InterruptedException, ErrnoException {
    Path contents = Files.write(directory.resolve("contents"), new byte[10]);
    Path image = WritableTree.mkfs(directory, proto(contents), "");
    try (WritableTree tree = new WritableTree(image)) {
      Model model = new Model(tree, inode(tree, "/file"), 1);
      assertRefused(model, "user.a", null, 0, Errno.ENODATA);
      assertRefused(model, "user.a", new byte[1], Xattr.XATTR_REPLACE, Errno.ENODATA);
      model.set("user.a", new byte[1], 0);
      assertRefused(model, "user.a", new byte[1], Xattr.XATTR_CREATE, Errno.EEXIST);
      assertRefused(model, "user.b", null, 0, Errno.ENODATA);
      assertRefused(model, "user.", new byte[1], 0, Errno.EINVAL);
      assertRefused(model, "other.a", new byte[1], 0, Errno.EOPNOTSUPP);
      assertRefused(model, "user." + "x".repeat(256), new byte[1], 0, Errno.ERANGE);
      assertRefused(model, "user.a", new byte[65_537], 0, Errno.E2BIG);
      assertThat(model.ip.getxattr(tree.tree.current, "user.a")).hasSize(1);
    }
    LinuxXfs.assertSound(image);
  }

  private static void assertRefused(
      Model model, String name, byte @Nullable [] value, int flags, int errno) {
    assertThatThrownBy(() -> model.set(name, value, flags))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).as(name).isEqualTo(errno));
  }

  @Test
  void symbolicLinks(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path contents = Files.write(directory.resolve("contents"), new byte[10]);
    for (String options : new String[] {"-b size=1024", "-b size=4096"}) {
      Path image = WritableTree.mkfs(directory, proto(contents), options);
      for (int length : new int[] {336, 337, 1023}) {
        byte[] target =
            "./".repeat(600).substring(1200 - length).getBytes(StandardCharsets.US_ASCII);
        try (WritableTree tree = new WritableTree(image)) {
          XfsInode link = inode(tree, "/link");
          try (XfsTrans tp = tree.mp.trans().begin(tree.tree.current, 64)) {
            XfsInodeEdit edit = XfsInodeEdit.of(tp, link);
            if (edit.data().count() > 0) {
              XfsSymlinkWrite.free(edit);
            }
            XfsSymlinkWrite.init(edit, target);
            tp.commit();
          }
          assertThat(XfsSymlink.read(tree.tree.current, link)).isEqualTo(target);
        }
        LinuxXfs.assertSound(image);
      }
      Files.delete(image);
    }
  }
}
