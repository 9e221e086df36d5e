// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Control-C for commands that have something to say before they end. The virtual machine begins to shut down; its
 * shutdown waits here until the command has stopped in its own way, and the exit status is the command's.
 */
public final class Interrupts {
  private static final long PATIENCE_SECONDS = 60;
  private static final CompletableFuture<Integer> ENDED = new CompletableFuture<>();

  private Interrupts() {}

  /**
   * From now on, Control-C is a request.
   *
   * @param stop asks the command to come to its end; called on a thread of its own, perhaps when it already has
   */
  public static void stopWith(Runnable stop) {
    Runtime.getRuntime().addShutdownHook(new Thread(() -> waitForEnd(stop), "interrupt"));
  }

  /**
   * The command has ended, and all its output is written.
   *
   * @param status its exit status
   */
  public static void ended(int status) {
    ENDED.complete(status);
  }

  private static void waitForEnd(Runnable stop) {
    if (ENDED.isDone()) {
      return; // the command ended by itself, and this is the end of the process
    }
    try {
      stop.run();
      int status = ENDED.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      Runtime.getRuntime().halt(status); // exit would wait for this hook
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      return; // it does not stop; the machine ends it
    }
  }
}
