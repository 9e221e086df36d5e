// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Cred;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An access control list. Immutable.
 *
 * @param entries in the order of the list
 */
@LinuxSource(
    file = "fs/posix_acl.c",
    name = {"posix_acl"})
public record PosixAcl(List<Entry> entries) {
  /** The owner. */
  public static final int USER_OBJ = 0x01;

  /** Another user. */
  public static final int USER = 0x02;

  /** The group of the file. */
  public static final int GROUP_OBJ = 0x04;

  /** Another group. */
  public static final int GROUP = 0x08;

  /** The mask: the most permissions of named users and of all groups. */
  public static final int MASK = 0x10;

  /** All others. */
  public static final int OTHER = 0x20;

  /** The id of an entry without a user or group of its own. */
  public static final int UNDEFINED_ID = -1;

  private static final int VERSION = 2;
  private static final int HEADER_BYTES = 4;
  private static final int ENTRY_BYTES = 8; // tag, permissions, id
  private static final int RWX = 7;

  /** Copies the list. */
  public PosixAcl {
    entries = List.copyOf(entries);
  }

  /**
   * An entry.
   *
   * @param tag USER_OBJ to OTHER
   * @param permissions read, write, execute as in a mode
   * @param id the user or group of USER and GROUP, otherwise UNDEFINED_ID
   */
  public record Entry(int tag, int permissions, int id) {
    Entry with(int to) {
      return new Entry(tag, to, id);
    }

    boolean named() {
      return tag == USER || tag == GROUP;
    }
  }

  /**
   * The list and the mode of a new file, as its directory's default list determines them.
   *
   * @param acl the file's list, or null if the mode expresses all of it
   * @param mode the file's type and permissions
   */
  public record Inherited(@Nullable PosixAcl acl, int mode) {}

  // The format for programs, which is little-endian.

  /**
   * Decodes an attribute value from a program.
   *
   * @param value the attribute's value
   * @return the list, or null for one without entries
   * @throws ErrnoException EOPNOTSUPP for another version, EINVAL for another format
   */
  @LinuxSource(file = "fs/posix_acl.c", name = "posix_acl_from_xattr")
  public static @Nullable PosixAcl fromXattr(byte[] value) throws ErrnoException {
    if (value.length < HEADER_BYTES) {
      throw new ErrnoException(Errno.EINVAL);
    }
    ByteBuffer from = ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN);
    if (from.getInt() != VERSION) {
      throw new ErrnoException(Errno.EOPNOTSUPP);
    }
    if (from.remaining() % ENTRY_BYTES != 0) {
      throw new ErrnoException(Errno.EINVAL);
    }
    List<Entry> entries = new ArrayList<>();
    while (from.hasRemaining()) {
      int tag = from.getShort();
      int permissions = from.getShort();
      int id = from.getInt();
      Entry entry = new Entry(tag, permissions, UNDEFINED_ID);
      if (entry.named()) {
        if (id == UNDEFINED_ID) {
          throw new ErrnoException(Errno.EINVAL);
        }
        entry = new Entry(tag, permissions, id);
      } else if (tag != USER_OBJ && tag != GROUP_OBJ && tag != MASK && tag != OTHER) {
        throw new ErrnoException(Errno.EINVAL);
      }
      entries.add(entry);
    }
    return entries.isEmpty() ? null : new PosixAcl(entries);
  }

  /** Returns the list in the format for programs. */
  @LinuxSource(file = "fs/posix_acl.c", name = "posix_acl_to_xattr")
  public byte[] toXattr() {
    ByteBuffer to =
        ByteBuffer.allocate(HEADER_BYTES + entries.size() * ENTRY_BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    to.putInt(VERSION);
    for (Entry entry : entries) {
      to.putShort((short) entry.tag).putShort((short) entry.permissions).putInt(entry.id);
    }
    return to.array();
  }

  /**
   * Checks the order of the entries, and that each required entry appears once.
   *
   * @throws ErrnoException EINVAL
   */
  @LinuxSource(file = "fs/posix_acl.c", name = "posix_acl_valid")
  public void requireValid() throws ErrnoException {
    int next = USER_OBJ;
    boolean needsMask = false;
    for (Entry entry : entries) {
      boolean right =
          (entry.permissions & ~RWX) == 0
              && switch (entry.tag) {
                case USER_OBJ -> next == USER_OBJ;
                case USER, GROUP_OBJ -> next == USER;
                case GROUP, MASK -> next == GROUP;
                case OTHER -> next == OTHER || (next == GROUP && !needsMask);
                default -> false;
              };
      if (!right) {
        throw new ErrnoException(Errno.EINVAL);
      }
      needsMask |= entry.named();
      next =
          switch (entry.tag) {
            case USER_OBJ -> USER;
            case GROUP_OBJ -> GROUP;
            case MASK -> OTHER;
            case OTHER -> 0;
            default -> next;
          };
    }
    if (next != 0) {
      throw new ErrnoException(Errno.EINVAL);
    }
  }

  // Conversion to and from a mode.

  /** Whether a mode expresses all of the list. */
  @LinuxSource(file = "fs/posix_acl.c", name = "posix_acl_equiv_mode")
  public boolean isMode() {
    return entries.stream().noneMatch(entry -> entry.named() || entry.tag == MASK);
  }

  /**
   * Returns a mode with the permissions of the list.
   *
   * @param mode type and permissions
   */
  @LinuxSource(file = "fs/posix_acl.c", name = "posix_acl_equiv_mode")
  public int mode(int mode) {
    int permissions = 0;
    for (Entry entry : entries) {
      permissions =
          switch (entry.tag) {
            case USER_OBJ -> permissions | entry.permissions << 6;
            case GROUP_OBJ -> permissions | entry.permissions << 3;
            case OTHER -> permissions | entry.permissions;
            case MASK -> (permissions & ~StatMode.S_IRWXG) | entry.permissions << 3;
            default -> permissions;
          };
    }
    return (mode & ~StatMode.S_IRWXUGO) | permissions;
  }

  /** The entry that the group bits of a mode stand for. */
  private int groupTag() {
    return entries.stream().anyMatch(entry -> entry.tag == MASK) ? MASK : GROUP_OBJ;
  }

  /**
   * Returns the list after a chmod.
   *
   * @param mode the new mode
   */
  @LinuxSource(file = "fs/posix_acl.c", name = "__posix_acl_chmod_masq")
  public PosixAcl chmod(int mode) {
    int group = groupTag();
    List<Entry> changed = new ArrayList<>();
    for (Entry entry : entries) {
      if (entry.tag == USER_OBJ) {
        changed.add(entry.with(mode >> 6 & RWX));
      } else if (entry.tag == group) {
        changed.add(entry.with(mode >> 3 & RWX));
      } else if (entry.tag == OTHER) {
        changed.add(entry.with(mode & RWX));
      } else {
        changed.add(entry);
      }
    }
    return new PosixAcl(changed);
  }

  /**
   * Returns the list and the mode of a new file under this default list. The file gets no
   * permission that the program's mode lacks.
   *
   * @param mode type and permissions that the program wants
   */
  @LinuxSource(file = "fs/posix_acl.c", name = "posix_acl_create_masq")
  public Inherited inherit(int mode) {
    int group = groupTag();
    List<Entry> narrowed = new ArrayList<>();
    int granted = 0;
    for (Entry entry : entries) {
      int shift = entry.tag == USER_OBJ ? 6 : entry.tag == group ? 3 : entry.tag == OTHER ? 0 : -1;
      if (shift < 0) {
        narrowed.add(entry);
      } else {
        int permissions = entry.permissions & mode >> shift;
        narrowed.add(entry.with(permissions));
        granted |= permissions << shift;
      }
    }
    PosixAcl acl = new PosixAcl(narrowed);
    return new Inherited(acl.isMode() ? null : acl, (mode & ~StatMode.S_IRWXUGO) | granted);
  }

  /** Whether the list grants the wanted permissions to a task that does not own the file. */
  @LinuxSource(file = "fs/posix_acl.c", name = "posix_acl_permission")
  boolean permits(Cred cred, Inode inode, int wanted) {
    if (cred.fsuid() == inode.uid()) {
      return (wanted & ~(inode.mode() >> 6)) == 0;
    }
    boolean inGroup = false;
    for (Entry entry : entries) {
      boolean grants = (wanted & ~entry.permissions) == 0;
      boolean member =
          (entry.tag == GROUP_OBJ && cred.inGroup(inode.gid()))
              || (entry.tag == GROUP && cred.inGroup(entry.id));
      inGroup |= member;
      if ((entry.tag == USER && entry.id == cred.fsuid()) || (member && grants)) {
        return grants && masked(wanted);
      }
      if (entry.tag == OTHER) {
        return !inGroup && grants;
      }
    }
    return false; // a list without an entry for others
  }

  private boolean masked(int wanted) {
    for (Entry entry : entries) {
      if (entry.tag == MASK) {
        return (wanted & ~entry.permissions) == 0;
      }
    }
    return true;
  }
}
