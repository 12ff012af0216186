/**
 * One pipeline for every request - authorize, throttle, handle, audit - and one handler per API
 * family.
 */
@NullMarked
package io.spillway.request;

import org.jspecify.annotations.NullMarked;
