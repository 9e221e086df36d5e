// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * Something that a call of a task uses until it returns, such as a reference to a mount. Used by
 * the task itself only.
 */
@LinuxSource(file = "include/linux/task_work.h", name = "callback_head")
public abstract class ReturnHook {
  private @Nullable ReturnHook next;

  /** Creates a hook; {@link Task#addReturnHook} adds it to a call. */
  protected ReturnHook() {}

  /** Called once, when the call returns. Must neither sleep nor throw. */
  protected abstract void callReturns();

  /** Returns the hook that was added before this one, or null. */
  public final @Nullable ReturnHook next() {
    return next;
  }

  final void setNext(@Nullable ReturnHook hook) {
    next = hook;
  }
}
