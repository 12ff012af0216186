package io.spillway.http;

/** What stands under a path. Asked on a thread of the HTTP port; may block for a few seconds. */
@FunctionalInterface
public interface HttpPage {

  Answer answer();

  /**
   * @param status HTTP's, as in 200
   * @param body sent as UTF-8
   */
  record Answer(int status, String contentType, String body) {

    /** Lines for a person, or for a probe that looks at the status alone. */
    public static Answer text(int status, String text) {
      return new Answer(status, "text/plain; charset=utf-8", text);
    }
  }
}
