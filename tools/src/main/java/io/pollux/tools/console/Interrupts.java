// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Control-C for commands that print something before they exit. The shutdown of the virtual machine
 * waits until the command has stopped; the exit status is the command's.
 */
public final class Interrupts {
  private static final long PATIENCE_SECONDS = 60;
  private static final CompletableFuture<Integer> ENDED = new CompletableFuture<>();

  private Interrupts() {}

  /**
   * Makes Control-C a request to stop.
   *
   * @param stop requests the stop; called on its own thread, possibly after the command has
   *     completed
   */
  public static void stopWith(Runnable stop) {
    Runtime.getRuntime().addShutdownHook(new Thread(() -> waitForEnd(stop), "interrupt"));
  }

  /**
   * Reports that the command has completed and its output is written.
   *
   * @param status its exit status
   */
  public static void ended(int status) {
    ENDED.complete(status);
  }

  private static void waitForEnd(Runnable stop) {
    if (ENDED.isDone()) {
      return; // a normal exit
    }
    try {
      stop.run();
      int status = ENDED.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      Runtime.getRuntime().halt(status); // exit would wait for this hook
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      return; // the command does not stop; the virtual machine exits
    }
  }
}
