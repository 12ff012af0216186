/** Tests against S3 servers, and what they are made of. */
@org.jspecify.annotations.NullMarked
package io.spillway.object.s3;
