package io.spillway.object.s3;

import io.spillway.object.ObjectStoreException;
import io.spillway.object.Retry;
import java.io.IOException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.security.GeneralSecurityException;
import java.util.Locale;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.SdkClientException;

/**
 * What a failed request means to its caller. The question that decides is whether it may have been,
 * or may still be, carried out (P5): only an answer that says no, or a connection that never came
 * to be, rules it out.
 */
final class S3Errors {

  static final int NOT_FOUND = 404;
  static final int CONFLICT = 409;
  static final int PRECONDITION_FAILED = 412;
  static final int RANGE_NOT_SATISFIABLE = 416;
  private static final int FORBIDDEN = 403;
  private static final int TOO_MANY_REQUESTS = 429;
  private static final int INTERNAL_ERROR = 500;
  private static final int NOT_IMPLEMENTED = 501;
  private static final int SERVICE_UNAVAILABLE = 503;

  private static final Set<String> EXPIRED =
      Set.of("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired");
  private static final Set<String> THROTTLED =
      Set.of(
          "SlowDown",
          "SlowDownRead",
          "SlowDownWrite",
          "Throttling",
          "ThrottlingException",
          "RequestLimitExceeded",
          "TooManyRequests",
          "TooManyRequestsException",
          "RequestThrottled",
          "BandwidthLimitExceeded");

  private final S3Location location;

  S3Errors(S3Location location) {
    this.location = location;
  }

  /** The answer's status, or 0 where there was none. */
  static int statusOf(Throwable failure) {
    return Retry.unwrap(failure) instanceof AwsServiceException answer ? answer.statusCode() : 0;
  }

  static boolean isNoSuchUpload(Throwable failure) {
    return Retry.unwrap(failure) instanceof AwsServiceException answer
        && "NoSuchUpload".equals(codeOf(answer));
  }

  static boolean isExpired(Throwable failure) {
    return Retry.unwrap(failure) instanceof AwsServiceException answer
        && EXPIRED.contains(codeOf(answer));
  }

  /**
   * @param what {@code put data/3f/…}
   * @param repeatable whether carrying it out twice is as good as once, so that nothing about it is
   *     ambiguous
   */
  ObjectStoreException explain(String what, Throwable failure, boolean repeatable) {
    Throwable cause = Retry.unwrap(failure);
    ObjectStoreException own = find(cause, ObjectStoreException.class);
    if (own != null) {
      return own;
    }
    String message = what + " in " + location + ": ";
    return cause instanceof AwsServiceException answer
        ? answered(message + says(answer), answer, repeatable)
        : unanswered(message, cause, repeatable);
  }

  private ObjectStoreException answered(
      String message, AwsServiceException answer, boolean repeatable) {
    String code = codeOf(answer);
    int status = answer.statusCode();
    if (THROTTLED.contains(code) || status == TOO_MANY_REQUESTS) {
      return new ObjectStoreException.Unavailable(message, answer, true);
    }
    if (EXPIRED.contains(code)) {
      return new ObjectStoreException.Unavailable(message + ": renew the keys", answer);
    }
    if (status >= INTERNAL_ERROR && status != NOT_IMPLEMENTED) {
      // S3 itself says 503 before it does anything; whoever stands between may say it afterwards.
      boolean nothingDone = status == SERVICE_UNAVAILABLE && !code.isEmpty();
      return repeatable || nothingDone
          ? new ObjectStoreException.Unavailable(message, answer, status == SERVICE_UNAVAILABLE)
          : new ObjectStoreException.Ambiguous(message, answer);
    }
    return switch (code) {
      case "NoSuchBucket" ->
          new ObjectStoreException.Refused(
              message + ": create the bucket, or correct object.store.url", answer);
      case "RequestTimeout", "OperationAborted", "ConditionalRequestConflict" ->
          new ObjectStoreException.Unavailable(message, answer);
      case "RequestTimeTooSkewed" ->
          new ObjectStoreException.Refused(message + ": set this machine's clock", answer);
      case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint" ->
          new ObjectStoreException.Refused(
              message + ": give the bucket's region, region=… in object.store.url", answer);
      case "BadDigest", "XAmzContentChecksumMismatch", "InvalidDigest" ->
          // The bytes were damaged on the way; nothing was stored.
          new ObjectStoreException.Unavailable(message, answer);
      case "NotImplemented", "InvalidRequest" ->
          new ObjectStoreException.Refused(
              message
                  + ": the store does not support what this needs; if it is the checksum, say"
                  + " checksums=when-required in object.store.url",
              answer);
      default -> byStatus(message, answer, status);
    };
  }

  private static ObjectStoreException byStatus(
      String message, AwsServiceException answer, int status) {
    if (status == NOT_FOUND) {
      return new ObjectStoreException.NotFound(message);
    }
    if (status == CONFLICT) {
      return new ObjectStoreException.Unavailable(message, answer);
    }
    if (status == FORBIDDEN) {
      return new ObjectStoreException.Refused(
          message
              + ": allow s3:ListBucket, GetObject, PutObject, DeleteObject, AbortMultipartUpload,"
              + " ListMultipartUploadParts and ListBucketMultipartUploads, or give other keys",
          answer);
    }
    return new ObjectStoreException.Refused(message, answer);
  }

  private ObjectStoreException unanswered(String message, Throwable cause, boolean repeatable) {
    String said = message + rootMessage(cause);
    if (find(cause, LinkageError.class) != null) {
      // The SDK may load it only at a request. It will not turn up by waiting.
      return new ObjectStoreException.Refused(
          said
              + ": a class or library of this installation is missing or does not fit the others:"
              + " install it anew, and set no class path of your own",
          cause);
    }
    if (find(cause, GeneralSecurityException.class) != null) {
      return new ObjectStoreException.Refused(
          said + ": if the store's certificate is right, name its authority with ca=FILE", cause);
    }
    if (repeatable || neverSent(cause)) {
      return new ObjectStoreException.Unavailable(said, cause);
    }
    return new ObjectStoreException.Ambiguous(said, cause);
  }

  /** Whether there was no connection to send anything on. */
  private static boolean neverSent(Throwable cause) {
    return find(cause, ConnectException.class) != null
        || find(cause, UnknownHostException.class) != null
        || any(cause, S3Errors::isAboutGettingAConnection);
  }

  /** The SDK has no type for it. */
  private static boolean isAboutGettingAConnection(Throwable cause) {
    String message = cause.getMessage();
    return message != null
        && (cause instanceof IOException || cause instanceof SdkClientException)
        && message.toLowerCase(Locale.ROOT).contains("acquire operation took longer");
  }

  private static String says(AwsServiceException answer) {
    String code = codeOf(answer);
    String message =
        answer.awsErrorDetails() == null ? "" : answer.awsErrorDetails().errorMessage();
    return "status "
        + answer.statusCode()
        + (code.isEmpty() ? "" : " " + code)
        + (message == null || message.isEmpty() ? "" : " (" + message + ")");
  }

  private static String codeOf(AwsServiceException answer) {
    String code = answer.awsErrorDetails() == null ? null : answer.awsErrorDetails().errorCode();
    return code == null ? "" : code;
  }

  private static String rootMessage(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root.toString();
  }

  private static boolean any(Throwable failure, Predicate<Throwable> test) {
    for (Throwable each = failure; each != null; each = each.getCause()) {
      if (test.test(each)) {
        return true;
      }
    }
    return false;
  }

  private static <T extends Throwable> @Nullable T find(Throwable failure, Class<T> type) {
    for (Throwable each = failure; each != null; each = each.getCause()) {
      if (type.isInstance(each)) {
        return type.cast(each);
      }
    }
    return null;
  }
}
