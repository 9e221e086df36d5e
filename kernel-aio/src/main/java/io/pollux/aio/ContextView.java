// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.AddressSpace;
import java.util.List;

/**
 * A context as a debugger sees it. A trace listener may take one inside an event: it takes no lock
 * and calls no file.
 *
 * @param id the context, the address of its old completion ring
 * @param flags IOCTX_FLAG_*
 * @param entries entries of each of the SQ and CQ rings, 0 without SCQRING
 * @param sqRing address of the SQ ring, as {@link io.pollux.uapi.AioIocbRing} describes it, or 0
 * @param sqHead the kernel's own head of the SQ ring
 * @param cqRing address of the CQ ring, as {@link io.pollux.uapi.AioIoEventRing} describes it, or 0
 * @param cqTail the kernel's own tail of the CQ ring
 * @param slots slots of the old completion ring
 * @param requests requests that the context counts
 * @param iopollList the requests of the iopoll list, a line for each, in the order of the list
 */
public record ContextView(
    long id,
    int flags,
    int entries,
    long sqRing,
    int sqHead,
    long cqRing,
    int cqTail,
    int slots,
    long requests,
    List<String> iopollList) {

  /**
   * Returns the contexts of a process. The addresses are valid while the contexts exist.
   *
   * @param mm the memory of the process
   * @return a view of each context
   */
  public static List<ContextView> of(AddressSpace mm) {
    return mm.ioctxTable() instanceof KioctxTable contexts
        ? contexts.all().stream().map(ctx -> ctx.dump().view()).toList()
        : List.of();
  }
}
