// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.uapi.Errno;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.assertj.core.api.AbstractAssert;

/** Assertions on the result of a system call. Failures name the errno. */
public final class CallAssert extends AbstractAssert<CallAssert, Long> {
  private CallAssert(long result) {
    super(result, CallAssert.class);
  }

  /**
   * Starts assertions on a result.
   *
   * @param result the return value of syscall
   */
  public static CallAssert assertThatCall(long result) {
    return new CallAssert(result);
  }

  /** Asserts that the call succeeded. */
  public CallAssert succeeds() {
    if (actual < 0) {
      failWithMessage("expected the call to succeed, but it answered %s", show(actual));
    }
    return this;
  }

  /**
   * Asserts that the call succeeded with a result.
   *
   * @param result not negative
   */
  public CallAssert returns(long result) {
    if (actual != result) {
      failWithMessage("expected the call to answer %d, but it answered %s", result, show(actual));
    }
    return this;
  }

  /**
   * Asserts that the call failed with one of some errnos.
   *
   * @param errnos positive error numbers
   */
  public CallAssert failsWith(int... errnos) {
    if (Arrays.stream(errnos).noneMatch(errno -> actual == -errno)) {
      String wanted =
          Arrays.stream(errnos).mapToObj(errno -> show(-errno)).collect(Collectors.joining(" or "));
      failWithMessage("expected the call to answer %s, but it answered %s", wanted, show(actual));
    }
    return this;
  }

  /** Formats a result: -EIO, or a number. */
  static String show(long result) {
    return result < 0 && result > -4096 ? "-" + Errno.name((int) -result) : Long.toString(result);
  }
}
