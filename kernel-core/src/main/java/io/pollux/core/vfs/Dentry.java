// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * A place in the tree that a path led to: the counterpart of struct dentry, made for one walk and kept by
 * the file that it opened.
 *
 * @param parent the directory, or null at the root of all
 * @param name the name there, a char for each byte
 * @param inode what is there
 */
@LinuxSource(file = "include/linux/dcache.h", name = "dentry")
public record Dentry(@Nullable Dentry parent, String name, Inode inode) {
  /** Converts a name's bytes to this representation, for any encoding. */
  static String name(byte[] name) {
    return new String(name, StandardCharsets.ISO_8859_1);
  }

  /** Converts this representation back to bytes. */
  static byte[] bytes(String name) {
    return name.getBytes(StandardCharsets.ISO_8859_1);
  }

  /**
   * The path from the root, followed by " (deleted)" if the file has no name left.
   *
   * @return its bytes
   */
  @LinuxSource(file = "fs/d_path.c", name = "d_path")
  byte[] path() {
    Deque<Dentry> down = new ArrayDeque<>();
    for (Dentry at = this; at.parent != null; at = at.parent) {
      down.push(at);
    }
    ByteArrayOutputStream path = new ByteArrayOutputStream();
    for (Dentry at : down) {
      path.write('/');
      path.writeBytes(bytes(at.name));
    }
    if (path.size() == 0) {
      path.write('/');
    }
    if (inode.nameless()) {
      path.writeBytes(bytes(" (deleted)"));
    }
    return path.toByteArray();
  }
}
