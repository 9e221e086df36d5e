// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.Oops;
import io.pollux.core.vfs.Kiocb;
import org.jspecify.annotations.Nullable;

/**
 * Finishes a bio whose end_io threw: puts the bio's pages, and fails the request that owns the bio.
 * The transfer is complete by then. The end_io may have done both before it threw, and both objects
 * may be in use again. So {@link Bio#endio} identifies them before it calls the end_io.
 */
final class EndIoFailure {
  private EndIoFailure() {}

  /**
   * Reports the failure and finishes what the end_io did not. From any context. Never throws.
   *
   * @param use the bio's puts before the end_io
   * @param request the bio's owner, if it is a request
   * @param generation the generation of the request before the end_io
   */
  static void report(Bio bio, int use, @Nullable Kiocb request, int generation, Throwable thrown) {
    Oops.report(
        "the end_io of a bio",
        thrown,
        request == null
            ? "its request is lost, and the end of its context gives up on it"
            : "its request fails with EIO if it is not complete");
    if (bio.puts() == use) {
      Oops.contain("the release of a bio's pages", bio::releasePages);
      if (request != null) { // an unknown owner may still use the bio; the collector frees it
        Oops.contain("the release of a bio", bio::put);
      }
    }
    if (request == null
        || !Oops.contain("the completion of a request", () -> request.fail(generation))) {
      Oops.loseRequest();
    }
  }
}
