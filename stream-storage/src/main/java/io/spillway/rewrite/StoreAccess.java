package io.spillway.rewrite;

import io.spillway.object.ObjectStore;
import io.spillway.runtime.Scheduler;
import io.spillway.upload.Retrier;

/**
 * How one kind of background work reaches the store: on one scheduler, one request at a time, each
 * of them paced and repeated until it works.
 */
public record StoreAccess(
    ObjectStore store, Scheduler scheduler, Retrier retrier, RewritePacer pacer) {}
