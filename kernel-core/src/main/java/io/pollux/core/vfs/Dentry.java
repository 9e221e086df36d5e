// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.Debug;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.uapi.LinuxSource;
import java.io.ByteArrayOutputStream;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The result of a path walk: struct dentry. A name in a directory has one dentry as long as a file,
 * a working directory or a dentry below refers to it. A rename moves the dentry, so that its users
 * see the new name.
 *
 * <p>Dentries cache no lookups: each walk asks the filesystem. Weak references keep a directory's
 * dentries, so unused ones cost no memory.
 *
 * <p>The lock of the tree orders moves and readers of paths. It is a leaf.
 */
@LinuxSource(file = "include/linux/dcache.h", name = "dentry")
public final class Dentry {
  private final Tree tree;
  private final Inode inode;
  private volatile @Nullable Dentry parent; // changed under the tree's lock
  private volatile String name; // likewise
  private volatile boolean unhashed; // the name is gone
  private @Nullable Map<String, Ref> children; // under the tree's lock

  /** What all dentries below one root share: their lock (C: rename_lock). */
  private static final class Tree {
    private final ReferenceQueue<Dentry> unused = new ReferenceQueue<>();

    private void lockdep() {
      if (Debug.ON) {
        LockOrder.enter(LockClass.DCACHE, this);
      }
    }
  }

  /** A directory's reference to the dentry of a name. */
  private static final class Ref extends WeakReference<Dentry> {
    private final Dentry directory;
    private final String name;

    Ref(Dentry directory, String name, Dentry to) {
      super(to, to.tree.unused);
      this.directory = directory;
      this.name = name;
    }
  }

  /**
   * Creates a dentry that no walk finds.
   *
   * @param parent the directory, or null at the root
   * @param name the name there, a char for each byte
   * @param inode the inode of the name
   */
  public Dentry(@Nullable Dentry parent, String name, Inode inode) {
    this.tree = parent == null ? new Tree() : parent.tree;
    this.parent = parent;
    this.name = name;
    this.inode = inode;
  }

  /** Returns the directory, or null at the root. */
  @LinuxSource(file = "include/linux/dcache.h", name = "d_parent")
  public @Nullable Dentry parent() {
    return parent;
  }

  /** Returns the name in the directory, a char for each byte. */
  @LinuxSource(file = "include/linux/dcache.h", name = "d_name")
  public String name() {
    return name;
  }

  /** Returns the inode of the name. */
  @LinuxSource(file = "include/linux/dcache.h", name = "d_inode")
  public Inode inode() {
    return inode;
  }

  /** Whether the name was removed, or never existed (O_TMPFILE). */
  @LinuxSource(file = "include/linux/dcache.h", name = "d_unlinked")
  boolean unlinked() {
    return unhashed;
  }

  /** Creates the dentry of a file without a name. */
  @LinuxSource(file = "fs/dcache.c", name = "d_tmpfile")
  static Dentry ofTmpfile(Dentry directory, Inode inode) {
    Dentry made = new Dentry(directory, "#" + inode.ino(), inode);
    made.unhashed = true;
    return made;
  }

  /** Returns the dentry of a name that a lookup found in this directory. */
  @LinuxSource(
      file = "fs/dcache.c",
      name = {"d_lookup", "d_splice_alias"})
  Dentry child(String childName, Inode childInode) {
    tree.lockdep();
    synchronized (tree) {
      forgetUnused();
      Dentry there = find(childName);
      if (there != null && there.inode == childInode) {
        return there;
      }
      Dentry made = new Dentry(this, childName, childInode);
      made.hash();
      return made;
    }
  }

  private @Nullable Dentry find(String childName) {
    Ref ref = children == null ? null : children.get(childName);
    return ref == null ? null : ref.get();
  }

  private void hash() {
    Dentry directory = parent;
    assert directory != null : "the root has no name";
    Map<String, Ref> siblings = directory.children;
    if (siblings == null) {
      siblings = HashMap.newHashMap(1);
      directory.children = siblings;
    }
    siblings.put(name, new Ref(directory, name, this));
  }

  /** Removes the references to dentries that the collector has freed. */
  private void forgetUnused() {
    // bounded: each reference is queued once
    for (Object each = tree.unused.poll(); each != null; each = tree.unused.poll()) {
      Ref ref = (Ref) each;
      if (ref.directory.children != null) {
        ref.directory.children.remove(ref.name, ref);
      }
    }
  }

  /** Records that a name of this directory was removed. */
  @LinuxSource(
      file = "fs/dcache.c",
      name = {"d_delete", "__d_drop"})
  void dropChild(String childName) {
    tree.lockdep();
    synchronized (tree) {
      drop(childName);
    }
  }

  private void drop(String childName) {
    Dentry there = find(childName);
    if (there != null) {
      there.unhashed = true;
    }
    if (children != null) {
      children.remove(childName);
    }
  }

  /** Records a rename from this directory. A replaced name is dropped. */
  @LinuxSource(file = "fs/dcache.c", name = "d_move")
  void moveChild(String oldName, Dentry to, String newName) {
    tree.lockdep();
    synchronized (tree) {
      Dentry moved = find(oldName);
      to.drop(newName);
      if (children != null) {
        children.remove(oldName);
      }
      if (moved != null) {
        moved.place(to, newName);
      }
    }
  }

  /** Records an exchange of a name of this directory with another. */
  @LinuxSource(file = "fs/dcache.c", name = "d_exchange")
  void exchangeChild(String oldName, Dentry to, String newName) {
    tree.lockdep();
    synchronized (tree) {
      Dentry one = find(oldName);
      Dentry other = to.find(newName);
      if (children != null) {
        children.remove(oldName);
      }
      if (to.children != null) {
        to.children.remove(newName);
      }
      if (one != null) {
        one.place(to, newName);
      }
      if (other != null) {
        other.place(this, oldName);
      }
    }
  }

  private void place(Dentry directory, String newName) {
    parent = directory;
    name = newName;
    hash();
  }

  /**
   * Returns the dentry below this one that is on the way to another, or null if the other is not
   * below. The caller holds the rename lock, or both are in one directory.
   */
  @LinuxSource(file = "fs/dcache.c", name = "d_ancestor")
  @Nullable Dentry ancestorOf(Dentry other) {
    Dentry below = other;
    for (Dentry up = other.parent; up != null; up = up.parent) { // bounded by the depth
      if (up.inode == inode) {
        return below;
      }
      below = up;
    }
    return null;
  }

  /** Converts a name's bytes to this representation, for any encoding. */
  static String name(byte[] name) {
    return new String(name, StandardCharsets.ISO_8859_1);
  }

  /** Converts this representation back to bytes. */
  static byte[] bytes(String name) {
    return name.getBytes(StandardCharsets.ISO_8859_1);
  }

  /**
   * Returns the bytes of the path from the root, followed by " (deleted)" if the name was removed
   * or the file has no name left.
   */
  @LinuxSource(file = "fs/d_path.c", name = "d_path")
  byte[] path() {
    ByteArrayOutputStream path = new ByteArrayOutputStream();
    tree.lockdep();
    synchronized (tree) {
      Deque<Dentry> down = new ArrayDeque<>();
      for (Dentry at = this; at.parent != null; at = at.parent) {
        down.push(at);
      }
      for (Dentry at : down) {
        path.write('/');
        path.writeBytes(bytes(at.name));
      }
    }
    if (path.size() == 0) {
      path.write('/');
    }
    if (unhashed || inode.nlink() == 0) {
      path.writeBytes(bytes(" (deleted)"));
    }
    return path.toByteArray();
  }

  /**
   * Returns the path as text in one line, for a dump. Does not check whether the file still has a
   * name. Takes no lock: a rename meanwhile may mix the names.
   */
  @Override
  public String toString() {
    StringBuilder path = new StringBuilder();
    for (Dentry at = this; at != null; at = at.parent) {
      if (at.parent != null) {
        path.insert(0, new String(bytes(at.name), StandardCharsets.UTF_8)).insert(0, '/');
      }
    }
    for (int i = 0; i < path.length(); i++) {
      if (Character.isISOControl(path.charAt(i))) {
        path.setCharAt(i, '?');
      }
    }
    return path.isEmpty() ? "/" : path.toString();
  }
}
