// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.uapi.Capability;
import io.pollux.uapi.LinuxSource;
import java.util.Arrays;

/**
 * The credentials of a process: user and group IDs, supplementary groups and capabilities.
 * Immutable. The effective IDs are also those of file access (fsuid, fsgid).
 */
@LinuxSource(file = "include/linux/cred.h", name = "cred")
public final class Cred {
  /** An ID argument that leaves an ID unchanged. */
  public static final int UNCHANGED = -1;

  /** Maximum number of supplementary groups. */
  @LinuxSource(file = "include/uapi/linux/limits.h", name = "NGROUPS_MAX")
  public static final int NGROUPS_MAX = 65_536;

  /** The credentials of root: every ID is 0, with all capabilities. */
  @LinuxSource(file = "kernel/cred.c", name = "init_cred")
  public static final Cred ROOT = new Cred(new Ids(0, 0, 0), new Ids(0, 0, 0), new int[0], -1, -1);

  private final Ids uids;
  private final Ids gids;
  private final int[] groups; // sorted
  private final long permitted;
  private final long effective;

  /**
   * The IDs of one kind.
   *
   * @param real identifies the process to others
   * @param effective decides about access
   * @param saved may become the effective one again
   */
  public record Ids(int real, int effective, int saved) {
    private boolean has(int id) {
      return id == real || id == effective || id == saved;
    }

    /** Returns these IDs with those that a call changes. */
    private Ids with(int newReal, int newEffective, int newSaved) {
      return new Ids(
          newReal == UNCHANGED ? real : newReal,
          newEffective == UNCHANGED ? effective : newEffective,
          newSaved == UNCHANGED ? saved : newSaved);
    }

    private boolean mayBecome(int newReal, int newEffective, int newSaved) {
      return (newReal == UNCHANGED || has(newReal))
          && (newEffective == UNCHANGED || has(newEffective))
          && (newSaved == UNCHANGED || has(newSaved));
    }

    private boolean hasRoot() {
      return has(0);
    }
  }

  private Cred(Ids uids, Ids gids, int[] groups, long permitted, long effective) {
    this.uids = uids;
    this.gids = gids;
    this.groups = groups;
    this.permitted = permitted;
    this.effective = effective;
  }

  /** Returns the user IDs. */
  public Ids uids() {
    return uids;
  }

  /** Returns the group IDs. */
  public Ids gids() {
    return gids;
  }

  /** Returns the user ID of file access. */
  public int fsuid() {
    return uids.effective;
  }

  /** Returns the group ID of file access. */
  public int fsgid() {
    return gids.effective;
  }

  /** Returns a copy of the supplementary groups, in ascending order. */
  public int[] groups() {
    return groups.clone();
  }

  /**
   * Whether a capability is effective.
   *
   * @param capability one of {@link Capability}
   */
  @LinuxSource(file = "kernel/capability.c", name = "capable")
  public boolean capable(int capability) {
    return (effective & 1L << capability) != 0;
  }

  /**
   * Whether a group is the group of file access or a supplementary one.
   *
   * @param gid the group
   */
  @LinuxSource(file = "kernel/groups.c", name = "in_group_p")
  public boolean inGroup(int gid) {
    return gid == gids.effective || Arrays.binarySearch(groups, gid) >= 0;
  }

  /** Returns these credentials without any capability. */
  public Cred withoutCapabilities() {
    return new Cred(uids, gids, groups, 0, 0);
  }

  /**
   * Returns these credentials with other supplementary groups.
   *
   * @param ids at most {@link #NGROUPS_MAX} groups; copied
   */
  @LinuxSource(file = "kernel/groups.c", name = "set_groups")
  public Cred withGroups(int[] ids) {
    int[] sorted = ids.clone();
    Arrays.sort(sorted);
    return new Cred(uids, gids, sorted, permitted, effective);
  }

  /**
   * Whether the holder may set these user IDs: any with CAP_SETUID, else only its own.
   *
   * @param real the real ID, or {@link #UNCHANGED}, as for the others
   * @param effectiveId the effective ID
   * @param saved the saved ID
   */
  public boolean maySetUids(int real, int effectiveId, int saved) {
    return capable(Capability.CAP_SETUID) || uids.mayBecome(real, effectiveId, saved);
  }

  /**
   * Whether the holder may set these group IDs: any with CAP_SETGID, else only its own.
   *
   * @param real the real ID, or {@link #UNCHANGED}, as for the others
   * @param effectiveId the effective ID
   * @param saved the saved ID
   */
  public boolean maySetGids(int real, int effectiveId, int saved) {
    return capable(Capability.CAP_SETGID) || gids.mayBecome(real, effectiveId, saved);
  }

  /**
   * Returns these credentials with other user IDs. Capabilities follow: none is permitted once no
   * ID is root's, and none is effective while the effective ID is not root's.
   *
   * @param real the real ID, or {@link #UNCHANGED}, as for the others
   * @param effectiveId the effective ID
   * @param saved the saved ID
   */
  @LinuxSource(
      file = "security/commoncap.c",
      name = {"cap_task_fix_setuid", "cap_emulate_setxuid"})
  public Cred withUids(int real, int effectiveId, int saved) {
    Ids now = uids.with(real, effectiveId, saved);
    long nowPermitted = uids.hasRoot() && !now.hasRoot() ? 0 : permitted;
    long nowEffective = nowPermitted == 0 ? 0 : effective;
    if (uids.effective == 0 && now.effective != 0) {
      nowEffective = 0;
    } else if (uids.effective != 0 && now.effective == 0) {
      nowEffective = nowPermitted;
    }
    return new Cred(now, gids, groups, nowPermitted, nowEffective);
  }

  /**
   * Returns these credentials with other group IDs.
   *
   * @param real the real ID, or {@link #UNCHANGED}, as for the others
   * @param effectiveId the effective ID
   * @param saved the saved ID
   */
  public Cred withGids(int real, int effectiveId, int saved) {
    return new Cred(uids, gids.with(real, effectiveId, saved), groups, permitted, effective);
  }

  /**
   * Returns the credentials with which access(2) checks: file access with the real IDs, and with
   * the permitted capabilities if the real user is root.
   */
  @LinuxSource(file = "fs/open.c", name = "access_override_creds")
  public Cred forAccess() {
    return new Cred(
        new Ids(uids.real, uids.real, uids.saved),
        new Ids(gids.real, gids.real, gids.saved),
        groups,
        permitted,
        uids.real == 0 ? permitted : 0);
  }
}
