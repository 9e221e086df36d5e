// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** Constants of mmap. */
@LinuxSource(file = "include/uapi/asm-generic/mman-common.h")
public final class Mman {
  /** No access. */
  public static final int PROT_NONE = 0;

  /** Reading. */
  public static final int PROT_READ = 1;

  /** Writing. */
  public static final int PROT_WRITE = 2;

  /** Execution; accepted and ignored. */
  public static final int PROT_EXEC = 4;

  /** Shared. */
  public static final int MAP_SHARED = 1;

  /** Private. */
  public static final int MAP_PRIVATE = 2;

  /** At this address; refused. */
  public static final int MAP_FIXED = 0x10;

  /** Memory without a file. */
  public static final int MAP_ANONYMOUS = 0x20;

  private Mman() {}
}
