// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.uapi.Errno;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.assertj.core.api.AbstractAssert;

/** Assertions about what a system call returned. They know errors by name. */
public final class CallAssert extends AbstractAssert<CallAssert, Long> {
  private CallAssert(long result) {
    super(result, CallAssert.class);
  }

  /**
   * About a result.
   *
   * @param result what syscall returned
   * @return assertions
   */
  public static CallAssert assertThatCall(long result) {
    return new CallAssert(result);
  }

  /**
   * It succeeded.
   *
   * @return this
   */
  public CallAssert succeeds() {
    if (actual < 0) {
      failWithMessage("expected the call to succeed, but it answered %s", show(actual));
    }
    return this;
  }

  /**
   * It succeeded with a certain result.
   *
   * @param result not negative
   * @return this
   */
  public CallAssert returns(long result) {
    if (actual != result) {
      failWithMessage("expected the call to answer %d, but it answered %s", result, show(actual));
    }
    return this;
  }

  /**
   * It failed with this error, or one of these.
   *
   * @param errnos positive error numbers
   * @return this
   */
  public CallAssert failsWith(int... errnos) {
    if (Arrays.stream(errnos).noneMatch(errno -> actual == -errno)) {
      String wanted = Arrays.stream(errnos).mapToObj(errno -> show(-errno)).collect(Collectors.joining(" or "));
      failWithMessage("expected the call to answer %s, but it answered %s", wanted, show(actual));
    }
    return this;
  }

  /** A result as C programmers say it: -EIO, or a number. */
  static String show(long result) {
    return result < 0 && result > -4096 ? "-" + Errno.name((int) -result) : Long.toString(result);
  }
}
