// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** The capabilities that this kernel checks, as bit numbers. */
@LinuxSource(file = "include/uapi/linux/capability.h")
public final class Capability {
  /** May change the owner of any file. */
  public static final int CAP_CHOWN = 0;

  /** May read, write and search in spite of permissions, and execute if any bit permits it. */
  public static final int CAP_DAC_OVERRIDE = 1;

  /** May read files and search directories in spite of permissions. */
  public static final int CAP_DAC_READ_SEARCH = 2;

  /** May change attributes that only the owner of a file may change. */
  public static final int CAP_FOWNER = 3;

  /** Keeps set-user-ID and set-group-ID bits on a change of a file. */
  public static final int CAP_FSETID = 4;

  /** May set any group ID. */
  public static final int CAP_SETGID = 6;

  /** May set any user ID. */
  public static final int CAP_SETUID = 7;

  /** May administrate the system: mount, freeze, and trusted attributes, for example. */
  public static final int CAP_SYS_ADMIN = 21;

  /** Change the flags immutable and append-only. */
  public static final int CAP_LINUX_IMMUTABLE = 9;

  /** May create device nodes. */
  public static final int CAP_MKNOD = 27;

  private Capability() {}
}
