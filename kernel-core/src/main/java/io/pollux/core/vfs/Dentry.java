// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * The result of a path walk: struct dentry. It is created for one walk and kept by the file that
 * the walk opened.
 *
 * @param parent the directory, or null at the root
 * @param name the name there, a char for each byte
 * @param inode the inode of the name
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
   * Returns the bytes of the path from the root, followed by " (deleted)" if the file has no name
   * left.
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

  /**
   * Returns the path as text in one line, for a dump. Does not check whether the file still has a
   * name.
   */
  @Override
  public String toString() {
    StringBuilder path = new StringBuilder();
    for (Dentry at = this; at.parent != null; at = at.parent) {
      path.insert(0, new String(bytes(at.name), StandardCharsets.UTF_8)).insert(0, '/');
    }
    for (int i = 0; i < path.length(); i++) {
      if (Character.isISOControl(path.charAt(i))) {
        path.setCharAt(i, '?');
      }
    }
    return path.isEmpty() ? "/" : path.toString();
  }
}
