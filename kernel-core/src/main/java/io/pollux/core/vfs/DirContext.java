// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;

/** Receives the entries of a directory: struct dir_context and its actor. */
@LinuxSource(file = "include/linux/fs.h", name = "dir_context")
public abstract class DirContext {
  /** The position after the entries "." and "..". */
  public static final int AFTER_DOTS = 2;

  private static final byte[] DOT = {'.'};
  private static final byte[] DOTS = {'.', '.'};

  private long pos;

  /**
   * Starts at a position.
   *
   * @param pos 0, or the end of an earlier listing
   */
  protected DirContext(long pos) {
    this.pos = pos;
  }

  /**
   * Returns the position of the next entry. Its meaning is up to the filesystem; 0 is the start.
   */
  public final long pos() {
    return pos;
  }

  /**
   * Advances past an entry or past a gap.
   *
   * @param next the new position
   */
  public final void setPos(long next) {
    pos = next;
  }

  /**
   * Offers one entry.
   *
   * @param name its name
   * @param ino its inode number
   * @param type DT_* type, DT_UNKNOWN if the directory does not store it
   * @param next position after the entry
   * @return false if there was no room; the entry was not taken, and the listing stops
   */
  @LinuxSource(file = "include/linux/fs.h", name = "dir_emit")
  public final boolean emit(byte[] name, long ino, int type, long next) {
    if (!actor(name, ino, type, next)) {
      return false;
    }
    pos = next;
    return true;
  }

  /**
   * Offers the entries "." and "..", at the positions 0 and 1, unless an earlier listing had them.
   *
   * @param ino inode number of the directory
   * @param parent inode number of its parent
   * @return false if there was no room, and the listing stops; if true, pos() is at least {@link
   *     #AFTER_DOTS}
   */
  @LinuxSource(file = "include/linux/fs.h", name = "dir_emit_dots")
  public final boolean emitDots(long ino, long parent) {
    return (pos != 0 || emit(DOT, ino, StatMode.DT_DIR, 1))
        && (pos != 1 || emit(DOTS, parent, StatMode.DT_DIR, AFTER_DOTS));
  }

  /**
   * Stores an entry.
   *
   * @param name its name
   * @param ino its inode number
   * @param type DT_* type
   * @param next position after the entry
   * @return false if there is no room
   */
  protected abstract boolean actor(byte[] name, long ino, int type, long next);
}
