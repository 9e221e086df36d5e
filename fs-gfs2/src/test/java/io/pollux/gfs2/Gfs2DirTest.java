// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Directories in inodes and in leaves, good ones and bad ones. */
@Timeout(60)
final class Gfs2DirTest {
  private static final int DIR = TinyImage.FREE;
  private static final int LEAF = TinyImage.FREE + 10;
  private static final int FILE = TinyImage.FREE + 40;
  private static final int DEPTH = 3;
  private static final int ENTRIES = 104; // where they begin in a leaf

  private final TinyImage image = new TinyImage();
  private boolean named;

  @AfterEach
  void close() {
    image.close();
  }

  private static int hash(String name) {
    return Gfs2Dirents.hash(name.getBytes(StandardCharsets.ISO_8859_1));
  }

  private static List<String> names(int count) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      names.add("name-" + i);
    }
    return names;
  }

  /**
   * Makes a hashed directory with these names, a leaf for each pointer but the first two, which
   * share one.
   */
  private void hashed(List<String> names) {
    image.hashed(DIR, DEPTH, names.size() + 2);
    List<List<byte[]>> leaves = new ArrayList<>();
    for (int i = 0; i < 1 << DEPTH; i++) {
      leaves.add(new ArrayList<>());
    }
    for (String name : names) {
      leaves.get(leafOf(hash(name))).add(TinyImage.dirent(name, FILE, 8));
    }
    leaves.get(leafOf(hash("."))).add(TinyImage.dirent(".", DIR, 4));
    leaves.get(leafOf(hash(".."))).add(TinyImage.dirent("..", TinyImage.ROOT, 4));
    for (int i = 1; i < 1 << DEPTH; i++) {
      image.leaf(LEAF + i, i == 1 ? DEPTH - 1 : DEPTH, 0, leaves.get(i));
    }
    for (int i = 0; i < 1 << DEPTH; i++) {
      image.disk.putLong(TinyImage.at(DIR) + TinyImage.DINODE + i * 8, LEAF + Math.max(i, 1));
    }
    image.stuffed(FILE, 1);
    if (!named) {
      image.entry(TinyImage.ROOT, "dir", DIR, 4);
      named = true;
    }
  }

  private static int leafOf(int hash) {
    return Math.max(1, hash >>> (32 - DEPTH));
  }

  @Test
  void namesAreListedByHashHoweverOften() throws ErrnoException {
    List<String> names = names(100);
    hashed(names);
    List<String> expected = new ArrayList<>(names);
    expected.addAll(List.of(".", ".."));
    expected.sort((a, b) -> Integer.compareUnsigned(hash(a), hash(b)));
    try (MountedImage mounted = image.mount()) {
      for (int atOnce : new int[] {1, 3, 1000}) {
        List<MountedImage.Entry> listed = mounted.list("/dir", atOnce);
        assertThat(listed).extracting(MountedImage.Entry::name).isEqualTo(expected);
        assertThat(listed).extracting(MountedImage.Entry::next).isSorted().doesNotHaveDuplicates();
      }
      for (String name : names) {
        assertThat(mounted.find("/dir/" + name).ino()).isEqualTo(FILE);
      }
      assertThat(mounted.find("/dir").glock().state()).isEqualTo(LmState.SHARED);
      assertThatThrownBy(() -> mounted.find("/dir/name-100")).hasMessageContaining("No such");
      assertThatThrownBy(() -> mounted.find("/dir/" + "x".repeat(256)))
          .hasMessageContaining("too long");
    }
  }

  @Test
  void leavesInAChainAreOne() throws ErrnoException {
    hashed(List.of());
    List<String> mine = names(400).stream().filter(name -> leafOf(hash(name)) == 5).toList();
    List<byte[]> first = new ArrayList<>();
    List<byte[]> second = new ArrayList<>();
    for (String name : mine) {
      (first.size() <= second.size() ? first : second).add(TinyImage.dirent(name, FILE, 8));
    }
    image.leaf(LEAF + 5, DEPTH, LEAF + 20, first);
    image.leaf(LEAF + 20, DEPTH, 0, second);
    try (MountedImage mounted = image.mount()) {
      assertThat(mounted.list("/dir", 2)).extracting(MountedImage.Entry::name).containsAll(mine);
      for (String name : mine) {
        assertThat(mounted.find("/dir/" + name).ino()).isEqualTo(FILE);
      }
    }
  }

  @Test
  void aTableInBlocksOfItsOwnWorksAsWell() throws ErrnoException {
    int depth = 10;
    hashed(names(50));
    int table = TinyImage.FREE + 60;
    image.dinode(DIR, 0040755, 8L << depth, 1, TinyImage.JDATA | TinyImage.EXHASH);
    image.disk.putShort(TinyImage.at(DIR) + 146, (short) depth);
    for (int i = 0; i < 1 << depth; i++) {
      int block = i / 509;
      image.header(table + block, 7, 700);
      image.inodePointer(DIR, block, table + block);
      image.disk.putLong(
          TinyImage.at(table + block) + 24 + i % 509 * 8, LEAF + Math.max(i >> (depth - DEPTH), 1));
    }
    try (MountedImage mounted = image.mount()) {
      assertThat(mounted.list("/dir", 7)).hasSize(52);
      assertThat(mounted.find("/dir/name-49").ino()).isEqualTo(FILE);
      image.disk.putInt(TinyImage.at(table + 1) + 4, 6);
    }
    try (MountedImage mounted = image.mount()) {
      assertThatThrownBy(() -> mounted.list("/dir", 1000)).isInstanceOf(ErrnoException.class);
    }
  }

  /** Every listing and lookup of a damaged directory fails with EIO. */
  private void assertDamaged(Runnable change) throws ErrnoException {
    hashed(names(100));
    change.run();
    try (MountedImage mounted = image.mount()) {
      assertThatThrownBy(() -> mounted.list("/dir", 1000))
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO));
      for (String name : names(100)) {
        try {
          assertThat(mounted.find("/dir/" + name).ino()).isEqualTo(FILE);
        } catch (ErrnoException e) {
          assertThat(e.errno()).isIn(Errno.EIO, Errno.ENOENT);
        }
      }
      assertThat(mounted.list("/", 10)).as("the others go on").hasSize(3);
    }
  }

  @Test
  void damageIsNoticed() throws ErrnoException {
    int leaf = TinyImage.at(LEAF + 5);
    int pointer = TinyImage.at(DIR) + TinyImage.DINODE + 5 * 8;
    assertDamaged(() -> image.disk.putLong(pointer, 0));
    assertDamaged(() -> image.disk.putLong(pointer, -1));
    assertDamaged(() -> image.disk.putLong(pointer, TinyImage.RGRP));
    assertDamaged(() -> image.disk.putLong(pointer, LEAF + 6));
    assertDamaged(() -> image.disk.putInt(leaf, 5));
    assertDamaged(() -> image.disk.putInt(leaf + 4, 5));
    assertDamaged(() -> image.disk.putShort(leaf + 24, (short) 9)); // depth
    assertDamaged(() -> image.disk.putShort(leaf + 26, (short) 99)); // entries
    assertDamaged(() -> image.disk.putInt(leaf + 28, 1)); // format
    assertDamaged(() -> image.disk.putLong(leaf + 32, LEAF + 5)); // a chain that goes in circles
    assertDamaged(() -> image.disk.putLong(leaf + 32, 1L << 50));
    assertDamaged(() -> image.disk.putInt(leaf + ENTRIES + 16, 1)); // hash
    assertDamaged(() -> image.disk.putShort(leaf + ENTRIES + 20, (short) 0)); // length
    assertDamaged(() -> image.disk.putShort(leaf + ENTRIES + 20, (short) 4090));
    assertDamaged(() -> image.disk.putShort(leaf + ENTRIES + 20, (short) -8));
    // length of the name
    assertDamaged(() -> image.disk.putShort(leaf + ENTRIES + 22, (short) 300));
    assertDamaged(() -> image.disk.putShort(leaf + ENTRIES + 22, (short) 0));
    assertDamaged(() -> image.disk.put(leaf + ENTRIES + 40, (byte) '/'));
    assertDamaged(() -> image.disk.put(leaf + ENTRIES + 40, (byte) 'm'));
    // the size does not fit
    assertDamaged(() -> image.disk.putShort(TinyImage.at(DIR) + 146, (short) 4));
    assertDamaged(() -> image.disk.putShort(TinyImage.at(DIR) + 146, (short) 18));
  }

  @Test
  void aDirectoryInItsInodeIsCheckedAsWell() throws ErrnoException {
    image.stuffed(FILE, 1);
    image.entry(TinyImage.ROOT, "file", FILE, 8);
    try (MountedImage mounted = image.mount()) {
      assertThat(mounted.list("/", 1))
          .extracting(MountedImage.Entry::name)
          .containsExactlyInAnyOrder(".", "..", "file");
    }
    image.disk.putInt(TinyImage.at(TinyImage.ROOT) + 148, 9);
    try (MountedImage mounted = image.mount()) {
      assertThatThrownBy(() -> mounted.list("/", 10)).isInstanceOf(ErrnoException.class);
      assertThat(mounted.find("/file").ino()).isEqualTo(FILE);
    }
  }

  @Test
  void anInodeIsWhatTheDirectoryAndTheBitmapSay() throws ErrnoException {
    image.stuffed(FILE, 1);
    image.entry(TinyImage.ROOT, "file", FILE, 8);
    int inode = TinyImage.at(FILE);
    assertNoInode(() -> image.disk.putLong(inode + 24, 5), "another one than the directory says");
    assertNoInode(() -> image.disk.putLong(inode + 32, 5), "another place");
    assertNoInode(() -> image.disk.putInt(inode + 4, 5), "type 5 where");
    assertNoInode(() -> image.disk.putInt(inode + 40, 0170644), "do not go together");
    assertNoInode(() -> image.disk.putLong(inode + 56, 4000), "4000 bytes");
    assertNoInode(() -> image.disk.putLong(inode + 56, -1), "-1 bytes");
    assertNoInode(() -> image.disk.putShort(inode + 138, (short) 7), "height 7");
    assertNoInode(() -> image.disk.putInt(inode + 180, 2_000_000_000), "nanoseconds");
    assertNoInode(() -> image.mark(FILE, 0), "bitmap");
    assertNoInode(() -> image.mark(FILE, 2), "bitmap");
    assertNoInode(
        () -> image.disk.putInt(TinyImage.at(TinyImage.RGRP) + 28, -1), "more free blocks");
  }

  private void assertNoInode(Runnable change, String why) throws ErrnoException {
    byte[] inode = new byte[TinyImage.BLOCK];
    byte[] group = new byte[TinyImage.BLOCK];
    image.disk.get(TinyImage.at(FILE), inode).get(TinyImage.at(TinyImage.RGRP), group);
    try (MountedImage mounted = image.mount()) {
      change.run();
      mounted
          .sdp
          .glock(Gfs2LockName.Type.RGRP, TinyImage.RGRP)
          .callback(mounted.current, LmState.UNLOCKED);
      assertThatThrownBy(() -> mounted.find("/file"))
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO))
          .hasMessageContaining(why);
      assertThat(mounted.list("/", 10)).hasSize(3);
    }
    image.disk.put(TinyImage.at(FILE), inode).put(TinyImage.at(TinyImage.RGRP), group);
  }
}
