-- A key goes with whoever made it.
grant delete on api_key to rempart_app, rempart_worker;
