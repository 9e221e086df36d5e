// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.sched.Cred;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;

/**
 * Calls on user and group IDs. They change the credentials of the whole process, as a C library
 * does with the calls of Linux, which change one thread.
 */
@Differs(
    kind = Differs.Kind.SIMPLER,
    why =
        "The calls change the IDs of all threads of a process. In Linux they change one thread, and"
            + " the C library makes them in every thread.",
    test = "CredCallsTest#theThreadsOfAProcessShareItsIds")
final class CredCalls {
  private CredCalls() {}

  /** Implements setresuid(2). */
  @LinuxSource(file = "kernel/sys.c", name = "sys_setresuid")
  static long setresuid(Task current, int real, int effective, int saved) {
    UserProcess process = current.process();
    Cred cred = process.cred();
    if (!cred.maySetUids(real, effective, saved)) {
      return -Errno.EPERM;
    }
    process.setCred(cred.withUids(real, effective, saved));
    return 0;
  }

  /** Implements setresgid(2). */
  @LinuxSource(file = "kernel/sys.c", name = "sys_setresgid")
  static long setresgid(Task current, int real, int effective, int saved) {
    UserProcess process = current.process();
    Cred cred = process.cred();
    if (!cred.maySetGids(real, effective, saved)) {
      return -Errno.EPERM;
    }
    process.setCred(cred.withGids(real, effective, saved));
    return 0;
  }

  /** Implements setuid(2): all three IDs with CAP_SETUID, else the effective one. */
  @LinuxSource(file = "kernel/sys.c", name = "sys_setuid")
  static long setuid(Task current, int uid) {
    if (uid == Cred.UNCHANGED) {
      return -Errno.EINVAL;
    }
    Cred cred = current.process().cred();
    if (cred.capable(Capability.CAP_SETUID)) {
      return setresuid(current, uid, uid, uid);
    }
    boolean own = uid == cred.uids().real() || uid == cred.uids().saved();
    return own ? setresuid(current, Cred.UNCHANGED, uid, Cred.UNCHANGED) : -Errno.EPERM;
  }

  /** Implements setgid(2): all three IDs with CAP_SETGID, else the effective one. */
  @LinuxSource(file = "kernel/sys.c", name = "sys_setgid")
  static long setgid(Task current, int gid) {
    if (gid == Cred.UNCHANGED) {
      return -Errno.EINVAL;
    }
    Cred cred = current.process().cred();
    if (cred.capable(Capability.CAP_SETGID)) {
      return setresgid(current, gid, gid, gid);
    }
    boolean own = gid == cred.gids().real() || gid == cred.gids().saved();
    return own ? setresgid(current, Cred.UNCHANGED, gid, Cred.UNCHANGED) : -Errno.EPERM;
  }

  /** Implements getresuid(2) and getresgid(2). */
  @LinuxSource(
      file = "kernel/sys.c",
      name = {"sys_getresuid", "sys_getresgid"})
  static long getres(Task current, Cred.Ids ids, long real, long effective, long saved) {
    return putInt(current, real, ids.real())
            && putInt(current, effective, ids.effective())
            && putInt(current, saved, ids.saved())
        ? 0
        : -Errno.EFAULT;
  }

  private static boolean putInt(Task current, long address, int value) {
    boolean ok = current.mm().accessOk(address, Integer.BYTES, true);
    if (ok) {
      RawMemory.putInt(address, value);
    }
    return ok;
  }

  /** Implements setgroups(2). */
  @LinuxSource(file = "kernel/groups.c", name = "sys_setgroups")
  static long setgroups(Task current, int count, long list) {
    UserProcess process = current.process();
    if (!process.cred().capable(Capability.CAP_SETGID)) {
      return -Errno.EPERM;
    }
    if (count < 0 || count > Cred.NGROUPS_MAX) {
      return -Errno.EINVAL;
    }
    if (!current.mm().accessOk(list, (long) count * Integer.BYTES, false)) {
      return -Errno.EFAULT;
    }
    int[] groups = new int[count];
    for (int i = 0; i < count; i++) {
      groups[i] = RawMemory.getInt(list + (long) i * Integer.BYTES);
    }
    process.setCred(process.cred().withGroups(groups));
    return 0;
  }

  /** Implements getgroups(2). */
  @LinuxSource(file = "kernel/groups.c", name = "sys_getgroups")
  static long getgroups(Task current, int size, long list) {
    int[] groups = current.process().cred().groups();
    if (size < 0 || (size != 0 && groups.length > size)) {
      return -Errno.EINVAL;
    }
    if (size != 0) {
      if (!current.mm().accessOk(list, (long) groups.length * Integer.BYTES, true)) {
        return -Errno.EFAULT;
      }
      for (int i = 0; i < groups.length; i++) {
        RawMemory.putInt(list + (long) i * Integer.BYTES, groups[i]);
      }
    }
    return groups.length;
  }
}
