// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.pollux.tools.console.Console;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.function.Consumer;

/**
 * Runs the command line inside the test, and keeps what it says.
 *
 * @param status exit status
 * @param bytes standard output
 * @param err standard error
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Cli(int status, byte[] bytes, String err) {
  static Cli run(String... args) {
    return run(stop -> {}, args);
  }

  /** With something that takes what Control-C would call. */
  static Cli run(Consumer<Runnable> interrupts, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int status = Pollux.run(args, new Console(out, new PrintStream(err, true, UTF_8), interrupts));
    return new Cli(status, out.toByteArray(), err.toString(UTF_8));
  }

  String out() {
    return new String(bytes, UTF_8);
  }
}
