-- The proof of isolation makes two tenants without a row and takes them away again. A tenant that anything refers to, a
-- line of its audit log say, cannot be deleted: none of its references cascades.
grant delete on tenant to rempart_worker;
