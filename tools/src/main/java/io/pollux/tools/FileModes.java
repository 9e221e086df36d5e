// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.uapi.StatMode;

/** Formats types, modes and device numbers as ls and stat do. */
final class FileModes {
  private static final int S_ISVTX = 01000;

  private FileModes() {}

  /** Returns ten characters: -rw-r--r--. */
  static String show(int mode) {
    return letter(mode)
        + triple(mode >> 6, (mode & StatMode.S_ISUID) != 0, 's')
        + triple(mode >> 3, (mode & StatMode.S_ISGID) != 0, 's')
        + triple(mode, (mode & S_ISVTX) != 0, 't');
  }

  private static String letter(int mode) {
    return switch (mode & StatMode.S_IFMT) {
      case StatMode.S_IFREG -> "-";
      case StatMode.S_IFDIR -> "d";
      case StatMode.S_IFLNK -> "l";
      case StatMode.S_IFBLK -> "b";
      case StatMode.S_IFCHR -> "c";
      case StatMode.S_IFIFO -> "p";
      case StatMode.S_IFSOCK -> "s";
      default -> "?";
    };
  }

  private static String triple(int bits, boolean special, char letter) {
    boolean execute = (bits & 1) != 0;
    char last = special ? (execute ? letter : Character.toUpperCase(letter)) : execute ? 'x' : '-';
    return ((bits & 4) != 0 ? "r" : "-") + ((bits & 2) != 0 ? "w" : "-") + last;
  }

  /** Returns the type in words. */
  static String type(int mode) {
    return switch (mode & StatMode.S_IFMT) {
      case StatMode.S_IFREG -> "regular file";
      case StatMode.S_IFDIR -> "directory";
      case StatMode.S_IFLNK -> "symbolic link";
      case StatMode.S_IFBLK -> "block device";
      case StatMode.S_IFCHR -> "character device";
      case StatMode.S_IFIFO -> "pipe";
      case StatMode.S_IFSOCK -> "socket";
      default -> "of no known type";
    };
  }

  /** Returns major and minor number, in glibc's layout. */
  static String device(long dev) {
    long major = ((dev >>> 8) & 0xfff) | ((dev >>> 32) & 0xfffff000L);
    long minor = (dev & 0xff) | ((dev >>> 12) & 0xffffff00L);
    return major + ":" + minor;
  }
}
